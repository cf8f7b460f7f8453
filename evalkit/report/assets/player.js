"use strict";
// One transport a prompt: all its sounds, and the reference recording, stand at the same position and take turns.
// Without this file every sound keeps the browser's own player. Nothing here turns text into markup.
(() => {
  const { between, clock, make, shuffled, Heard, Turns } = sounds;
  // What lies around the levels of a spectrogram, as the page says of audio/pictures.py.
  const [LEFT, RIGHT, TOP, BOTTOM] = document.getElementById("content").dataset.frame.split(" ").map(Number);
  const STEP = 1, DRAG = 8;  // seconds of an arrow key; pixels from which on a press is a region
  const QUIET = -60;  // dB: what a match would turn down further is silence, and no match

  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const announce = (text) => { document.getElementById("announce").textContent = text; };
  const decibels = (value) => (value > -0.05 ? "±0.0 dB" : "−" + (-value).toFixed(1) + " dB");

  // One sound of a prompt: its player (without a face of its own), its button, its picture with the cursor.
  class Take extends Heard {
    constructor(node, deck) {
      super(node.querySelector("audio"), Number(node.dataset.seconds));
      this.node = node;
      this.audio.hidden = true;
      this.reference = node.classList.contains("reference");
      this.lufs = "lufs" in node.dataset ? Number(node.dataset.lufs) : null;
      this.button = make("button", { type: "button", class: "choose", "aria-pressed": "false" });
      this.gain = make("span", { class: "gain quiet" });
      const who = node.querySelector(".who") || node.insertBefore(make("p", { class: "who" }), node.firstChild);
      const name = Array.from(who.childNodes, (each) => each.textContent.trim()).filter(Boolean).join(" ");
      this.alone = !name;  // as on a page of one run, which names it at its top
      this.name = name || "sound";
      who.prepend(this.button);
      who.append(this.gain);
      this.button.addEventListener("click", () => deck.choose(this));
      this.view = node.querySelector(".view");
      if (this.view) {
        this.region = this.view.appendChild(make("span", { class: "region", hidden: "" }));
        this.cursor = this.view.appendChild(make("span", { class: "cursor" }));
        for (const mark of [this.region, this.cursor]) {
          Object.assign(mark.style, { top: 100 * TOP + "%", bottom: 100 * BOTTOM + "%" });
        }
        this.listenToPointer(deck);
      }
    }

    // A press in the picture is a place in time, a stroke a region to loop.
    listenToPointer(deck) {
      const place = (event) => {
        const box = this.view.getBoundingClientRect();
        const part = ((event.clientX - box.left) / box.width - LEFT) / (1 - LEFT - RIGHT);
        return between(0, part, 1) * this.seconds;
      };
      let from = null;
      this.view.addEventListener("pointerdown", (event) => { if (event.button === 0) from = event; });
      this.view.addEventListener("pointerup", (event) => {
        if (!from) return;
        const ends = [place(from), place(event)].sort((a, b) => a - b);
        const region = Math.abs(event.clientX - from.clientX) > DRAG;
        from = null;
        if (region) deck.mark(ends);
        deck.choose(this);
        deck.seek(region ? ends[0] : ends[1]);
      });
    }

    across(seconds) { return 100 * (LEFT + between(0, seconds / this.seconds, 1) * (1 - LEFT - RIGHT)) + "%"; }

    show(position, region) {
      if (!this.view) return;
      this.cursor.style.left = this.across(position);
      this.region.hidden = !region;
      if (region) {
        this.region.style.left = this.across(region[0]);
        this.region.style.right = 100 - parseFloat(this.across(region[1])) + "%";
      }
    }
  }

  let sounding = null;  // the one prompt that is heard
  let active = null;  // the prompt that keys are for

  class Deck extends Turns {
    constructor(article, options) {
      super();
      this.article = article;
      this.options = options;
      this.place = article.dataset.place;
      this.list = article.querySelector(".takes");
      this.written = all(article, ".take");
      this.every = this.written.filter((node) => node.querySelector("audio")).map((node) => new Take(node, this));
      this.takes = this.every;
      this.order = this.takes;
      this.take = this.takes.find((each) => !each.reference) || this.takes[0];
      this.remote = [];
      if (this.takes.length) this.build();
      this.rove();
      this.arrange();
    }

    build() {
      this.play = make("button", { type: "button", class: "play" }, "Play");
      this.slider = make("input", { type: "range", min: 0, step: 0.01, "aria-label": "Position in prompt " + this.place });
      this.time = make("span", { class: "time quiet" });
      this.reveal = make("button", { type: "button", class: "reveal", hidden: "" }, "Reveal names");
      const words = { class: "transport", role: "toolbar", "aria-label": "Player of prompt " + this.place };
      this.transport = make("div", words, this.play, this.slider, this.time, this.reveal);
      this.list.before(this.transport);
      this.play.addEventListener("click", () => this.toggle());
      this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
      this.reveal.addEventListener("click", () => this.unveil());
      const ready = () => { active = this; for (const take of this.takes) take.audio.preload = "auto"; };
      this.article.addEventListener("pointerenter", () => { for (const take of this.takes) take.audio.preload = "auto"; });
      this.article.addEventListener("pointerdown", ready);
      this.article.addEventListener("focusin", ready);
      for (const take of this.takes) {
        take.audio.addEventListener("ended", () => this.ended(take));
        take.audio.addEventListener("pause", () => this.draw());
        take.audio.addEventListener("error", () => this.failed(take));
      }
    }

    // A button for each sound at another place of the page, and the link that stands there, in a row: a button plays
    // where the player stands.
    control(place) {
      this.bar = make("div", { class: "remote", role: "toolbar", "aria-label": "Sounds of prompt " + this.place });
      for (const take of this.every) {
        const button = make("button", { type: "button", "aria-pressed": "false" });
        button.addEventListener("click", () => {
          if (this.playing && take === this.take) { this.pause(); return; }
          this.choose(take);
          if (!this.playing) this.start();
        });
        this.remote.push([take, button]);
      }
      this.bar.addEventListener("keydown", (event) => {
        const stops = Array.from(this.bar.children), by = { ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0;
        if (by) stops[between(0, stops.indexOf(document.activeElement) + by, stops.length - 1)].focus();
      });
      this.link = place.querySelector("a");
      place.append(this.bar);
      this.arrange();
    }

    // One stop of the Tab key for all of them, in the order in which the prompt has them.
    line() {
      const buttons = this.order.map((take) => this.remote.find(([one]) => one === take)[1]);
      this.bar.replaceChildren(...buttons, this.link);
      Array.from(this.bar.children).forEach((stop, place) => { stop.tabIndex = place ? -1 : 0; });
    }

    // One stop of the Tab key a prompt; up and down lead from control to control.
    rove() {
      this.stops = [
        ...(this.takes.length ? [this.play, this.slider, this.reveal, ...this.takes.map((take) => take.button)] : []),
        ...all(this.article, "summary"),
      ];
      for (const stop of this.stops) {
        stop.tabIndex = stop === this.stops[0] ? 0 : -1;
        stop.addEventListener("focus", () => {
          for (const other of this.stops) other.tabIndex = other === stop ? 0 : -1;
        });
      }
    }

    move(by) {
      const seen = this.stops.filter((stop) => stop.checkVisibility());
      const next = seen[between(0, seen.indexOf(document.activeElement) + by, seen.length - 1)];
      if (next) next.focus();
    }

    // A player that was started by whatever means is the one that is heard.
    started(audio) {
      const next = this.takes.find((take) => take.audio === audio);
      if (next !== this.take) {
        const before = this.take, at = this.playing ? before.audio.currentTime : audio.currentTime;
        this.take = next;
        next.go(at);
        before.audio.pause();
      }
      if (sounding && sounding !== this) sounding.pause();
      sounding = this;
      active = this;
      requestAnimationFrame(() => this.tick());
    }

    chosen() { announce(this.take.button.getAttribute("aria-label")); }

    draw() {
      if (!this.takes.length) return;
      const at = this.position, looping = this.options.loop.checked || this.ends !== null;
      for (const take of this.takes) take.audio.loop = looping;
      this.play.textContent = this.playing ? "Pause" : "Play";
      this.slider.max = this.length;
      this.slider.value = at;
      this.slider.setAttribute("aria-valuetext", clock(at) + " of " + clock(this.length));
      for (const [take, button] of this.remote) {
        const words = take.alone ? "Play" : take.button.getAttribute("aria-label");
        if (button.textContent !== words) button.textContent = words;
        button.setAttribute("aria-pressed", String(take === this.take && Boolean(this.playing)));
      }
      const loop = this.ends ? " · loop " + this.ends.map(clock).join(" – ") : "";
      const broken = this.take.audio.error ? "this sound cannot be played here" : "";
      this.time.textContent = broken || clock(at) + " of " + clock(this.length) + loop;
      for (const take of this.takes) {
        take.show(at, this.ends);
        const chosen = String(take === this.take);
        take.node.classList.toggle("chosen", take === this.take && this.takes.length > 1);
        if (take.button.getAttribute("aria-pressed") !== chosen) take.button.setAttribute("aria-pressed", chosen);
      }
    }

    // Names, numbers, order and levels by the options of the section.
    arrange() {
      if (!this.every.length) return;
      const { blind, seed } = this.options, hidden = blind.checked;
      if (this.playing) this.pause();
      this.takes = this.every.filter((take) => !take.node.hidden);
      for (const take of this.every) take.node.classList.remove("chosen");
      this.transport.hidden = !this.takes.length;
      if (!this.takes.length) return;
      if (!this.takes.includes(this.take)) this.take = this.takes[0];
      this.article.classList.toggle("blind", hidden);
      this.reveal.hidden = !hidden;
      this.order = hidden ? shuffled(this.takes, seed.value + " " + this.article.id) : this.takes;
      if (hidden) [this.at, this.take] = [0, this.order[0]];
      this.list.append(...(hidden ? this.order.map((take) => take.node) : this.written));
      this.name(hidden);
      if (this.bar) this.line();
      this.match();
      this.draw();
    }

    name(hidden) {
      let number = 0;
      for (const take of this.order) {
        take.key = take.reference && !hidden ? "0" : String((number += 1));
        take.button.textContent = take.key;
        take.button.setAttribute("aria-label", take.key + (hidden ? ": sound " + take.key : ": " + take.name));
      }
    }

    unveil() {
      this.article.classList.remove("blind");
      this.reveal.hidden = true;
      for (const take of this.order) take.button.setAttribute("aria-label", take.key + ": " + take.name);
      this.draw();
      this.play.focus();
    }

    match() {
      const known = this.takes.map((take) => take.lufs).filter((lufs) => lufs !== null);
      const matching = this.options.match.checked && known.length > 0;
      const target = Math.min(...known);
      for (const take of this.takes) {
        const change = matching && take.lufs !== null ? Math.max(target - take.lufs, QUIET) : 0;
        take.audio.volume = 10 ** (change / 20);
        take.gain.textContent = !matching ? "" : take.lufs === null ? "no loudness: unchanged" : decibels(change);
      }
    }

    key(event) {
      const wanted = event.key.toLowerCase();
      const chosen = this.order.find((take) => take.key === wanted || (wanted === "r" && take.key === "0"));
      if (chosen) this.choose(chosen);
      else if (wanted === " ") this.toggle();
      else if (wanted === "arrowleft") this.seek(this.position - STEP);
      else if (wanted === "arrowright") this.seek(this.position + STEP);
      else if (wanted === "arrowup") this.move(-1);
      else if (wanted === "arrowdown") this.move(1);
      else if (wanted === "[") this.mark([this.position, this.ends ? this.ends[1] : this.length]);
      else if (wanted === "]") this.mark([this.ends ? this.ends[0] : 0, this.position]);
      else if (wanted === "escape" && this.ends) this.mark(null);
      else return false;
      return true;
    }
  }

  const option = (name, words, title) => {
    const input = make("input", { type: "checkbox", class: name });
    return [input, make("label", { class: "check", title }, input, " " + words)];
  };

  const optionsOf = (section) => {
    const [match, matchLabel] = option("match", "same loudness", "Turns all sounds of a prompt down to its quietest");
    const [loop, loopLabel] = option("loop", "loop", "A stroke over a picture, or the keys [ and ], loop a part");
    const [blind, blindLabel] = option("blindly", "blind", "Hides whose sound it is, and shuffles them");
    const seed = make("input", { type: "number", class: "seed", min: 0, step: 1, value: 0 });
    const seedLabel = make("label", { class: "check", hidden: "" }, "seed ", seed);
    const place = section.querySelector(".listening");
    place.append(matchLabel, loopLabel, blindLabel, seedLabel);
    place.hidden = false;
    const keys = "Keys: 1–9 choose the sound, 0 or r the reference, space plays, ← → seek, [ ] mark a loop, ↑ ↓ lead on.";
    section.querySelector(".tools").after(make("p", { class: "quiet keys" }, keys));
    if (!section.querySelector("audio").canPlayType('audio/webm; codecs="opus"')) {
      const sorry = "This browser cannot play these sounds, which are Opus in WebM. Chromium, Firefox, Edge and Safari from 17.4 on can.";
      section.querySelector(".tools").after(make("p", { class: "callout unplayable" }, sorry));
    }
    return { match, loop, blind, seed, seedLabel };
  };

  const decks = [];
  for (const section of all(document, "section.prompts")) {
    if (!section.querySelector(".entry")) continue;
    const heard = section.querySelector(".listening") && section.querySelector("audio");
    const options = heard ? optionsOf(section) : null;
    const own = all(section, ".entry").map((article) => new Deck(article, options));
    decks.push(...own);
    if (!heard) continue;
    document.addEventListener("shown", () => own.forEach((deck) => deck.arrange()));
    options.match.addEventListener("change", () => own.forEach((deck) => deck.match()));
    options.loop.addEventListener("change", () => own.forEach((deck) => deck.draw()));
    options.seed.addEventListener("change", () => own.forEach((deck) => deck.arrange()));
    options.blind.addEventListener("change", () => {
      if (options.blind.checked) options.seed.value = crypto.getRandomValues(new Uint16Array(1))[0];
      options.seedLabel.hidden = !options.blind.checked;
      own.forEach((deck) => deck.arrange());
    });
  }

  for (const place of all(document, ".first")) {
    const deck = decks.find((each) => each.article.id === place.dataset.entry);
    if (deck && deck.every.length) deck.control(place);
  }

  document.addEventListener("play", (event) => {
    const deck = decks.find((each) => each.article.contains(event.target));
    if (deck) deck.started(event.target);
  }, true);

  const meant = (event) => {
    const focus = document.activeElement;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
    const own = decks.find((deck) => deck.article.contains(focus));
    if (!own) return focus === document.body && active && active.article.checkVisibility() ? active : null;
    return focus.matches("summary, .reveal") && event.key === " " ? null : own;
  };
  addEventListener("keydown", (event) => {
    const deck = meant(event);
    const lost = deck && deck.article.contains(document.activeElement) ? false : /^Arrow(Up|Down)$/.test(event.key);
    if (deck && !lost && deck.takes.length && deck.key(event)) event.preventDefault();
  });
  addEventListener("keyup", (event) => { if (event.key === " " && meant(event)) event.preventDefault(); });
})();
