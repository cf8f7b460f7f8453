"use strict";
// Several sounds that stand at one position and take turns, as the report's player and the listening test have them.
const sounds = (() => {
  const EDGE = 0.1;  // seconds: a jump into the last two frames of an MP3 (72 ms at 32 kHz) is an error in Chromium

  const make = (name, attributes, ...inside) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...inside);
    return node;
  };
  const between = (low, value, high) => Math.min(Math.max(value, low), high);
  const clock = (seconds) => seconds.toFixed(1) + " s";

  // Numbers in [0, 1) that follow from a text alone (FNV-1a, then mulberry32), so that a seed gives its order again.
  const chance = (text) => {
    let state = 2166136261;
    for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  };
  const shuffled = (list, text) => {
    const next = chance(text), found = list.slice();
    for (let place = found.length - 1; place > 0; place -= 1) {
      const other = Math.floor(next() * (place + 1));
      [found[place], found[other]] = [found[other], found[place]];
    }
    return found;
  };

  // One sound: its player, and how long it is known to be before the player knows.
  class Heard {
    constructor(audio, seconds) {
      this.audio = audio;
      this.seconds = seconds;
    }

    get length() { return Number.isFinite(this.audio.duration) ? this.audio.duration : this.seconds; }
    get last() { return Math.max(0, this.length - EDGE); }

    go(seconds) { this.audio.currentTime = between(0, seconds, this.last); }

    // A sound that failed while it was read is read once more; one that cannot be read at all fails again at once.
    revive(seconds, playing) {
      if (this.revived) return;
      this.revived = true;
      this.audio.load();
      this.go(seconds);
      if (playing) this.audio.play().catch(() => {});
    }
  }

  // `takes` are such sounds, `take` is the one that is heard. Whoever extends this fills them in, and draws.
  class Turns {
    constructor() {
      this.takes = [];
      this.take = null;
      this.at = 0;
      this.ends = null;
    }

    draw() {}

    chosen() {}

    get playing() { return this.take && !this.take.audio.paused && !this.take.audio.ended && !this.take.audio.error; }
    get position() { return this.playing ? this.take.audio.currentTime : this.at; }
    get length() { return Math.max(...this.takes.map((take) => take.length)); }

    toggle() { if (this.playing) this.pause(); else this.start(); }

    start() {
      if (this.at >= this.take.last) this.at = this.ends ? this.ends[0] : 0;
      this.take.go(this.at);
      this.take.audio.play().catch(() => this.draw());
    }

    pause() {
      this.at = this.position;
      this.take.audio.pause();
    }

    seek(seconds) {
      this.at = between(0, seconds, this.length);
      this.take.go(this.at);
      this.draw();
    }

    mark(ends) {
      this.ends = ends && ends[1] - ends[0] > 0.05 ? ends : null;
      this.draw();
    }

    // The other sound goes on where this one was, also while nothing plays.
    choose(next) {
      if (next === this.take) return;
      const before = this.take, playing = this.playing;
      this.at = this.position;
      this.take = next;
      next.go(this.at);
      if (playing) {
        next.audio.play().catch(() => this.draw());
        before.audio.pause();
      }
      this.chosen();
      this.draw();
    }

    ended(take) {
      if (take === this.take) this.at = take.length;
      this.draw();
    }

    failed(take) {
      take.revive(take === this.take ? this.at : 0, take === this.take && !take.audio.paused);
      this.draw();
    }

    // The browser's own loop leads from the end to the beginning without a gap, and from there to that of a region.
    tick() {
      if (!this.playing) return;
      const wrapped = this.position < this.at - 0.5;
      if (this.ends && (wrapped || this.position >= this.ends[1])) this.take.go(this.ends[0]);
      this.at = this.position;
      this.draw();
      requestAnimationFrame(() => this.tick());
    }
  }

  return { between, clock, make, shuffled, Heard, Turns };
})();
