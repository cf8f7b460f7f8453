// A listening test, one screen at a time. What was said is kept in the browser until it is downloaded or sent.
// Nothing here turns text into markup, and no name of a model is here to be shown.
(() => {
  const { between, clock, make, shuffled, Heard, Turns } = sounds;
  const STEP = 1;  // seconds of an arrow key
  const HEARD = 5 / 6;  // of the headphone check's turns, Woods et al. 2017
  const PATIENCE = 30;  // seconds that the author's server has to take the answers
  const EACH = { mos: 20, ab: 30, mushra: 70 };  // seconds that a screen takes, for the estimate on the first one
  const ORDINALS = ["The first", "The second", "The third"];

  const study = JSON.parse(document.getElementById("study").textContent);
  const main = document.getElementById("test");
  const byCode = (list) => new Map(list.map((each) => [each.code, each]));
  const prompts = byCode(study.prompts), items = byCode(study.items), trials = byCode(study.trials);
  const seats = study.design.seats;
  const announce = (text) => { document.getElementById("announce").textContent = text; };

  // What is kept: in the browser where it lets a page keep anything, in memory otherwise.
  const asked = /^#[0-9]{1,5}$/.test(location.hash) ? between(1, Number(location.hash.slice(1)), seats.length) : 0;
  const KEY = "evalkit-listen-" + study.id + "-" + (asked || "any");
  let keeps = true;
  const drawn = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (one) => one.toString(16).padStart(2, "0")).join("");
  const fresh = () => ({
    study: study.id, listener: drawn(8), seat: asked || 1 + (parseInt(drawn(4), 16) % seats.length), step: 0,
    answers: {}, heard: {}, seconds: {}, tones: [], tries: 0, comment: "",
  });
  const load = () => {
    try {
      const found = JSON.parse(localStorage.getItem(KEY));
      return found && found.study === study.id && found.seat >= 1 && found.seat <= seats.length ? found : null;
    } catch {
      return null;
    }
  };
  const save = () => {
    try { localStorage.setItem(KEY, JSON.stringify(state)); } catch { keeps = false; }
  };
  const before = load();
  let state = before || fresh();
  save();

  // The screens of a listener: the trials in an order that follows from the seed and the number, checks in between.
  const screensOf = (seat) => {
    const word = study.design.seed + " " + seat;
    const own = shuffled(seats[seat - 1], word).map((code) => ({ kind: "trial", code }));
    const checks = shuffled(study.checks.map((each) => each.code), word + " checks");
    const every = own.length / (checks.length + 1);
    checks.forEach((code, place) => own.splice(Math.round(every * (place + 1)) + place, 0, { kind: "check", code }));
    own.forEach((each, place) => { each.place = place + 1; });
    const tones = study.headphones.map((truth, turn) => ({ kind: "tone", turn, truth }));
    return [{ kind: "welcome" }, ...tones, ...(tones.length ? [{ kind: "tones" }] : []), ...own, { kind: "end" }];
  };
  let screens = screensOf(state.seat);
  const tests = () => screens.filter((each) => each.place);
  const orderOf = (trial) => shuffled(trial.items, study.design.seed + " " + state.seat + " " + trial.code);

  // The questions of a screen: {id, scale, item}, each answered by what `state.answers` has under its id.
  const questionsOf = (screen) => {
    if (screen.kind === "check") return [{ id: screen.code }];
    if (screen.kind !== "trial") return [];
    const trial = trials.get(screen.code);
    if (study.kind === "ab") return study.scales.map((scale) => ({ id: screen.code + " " + scale.name, scale, label: scale.title }));
    return study.scales.flatMap((scale) =>
      orderOf(trial).map((item, place) => ({
        id: screen.code + " " + item + " " + scale.name, scale, item, label: study.kind === "mushra" ? "Sound " + (place + 1) : scale.title,
      })));
  };
  const answer = (id, value) => { state.answers[id] = value; save(); };
  const answered = (id) => id in state.answers;

  // One sound or several at one position, with buttons to choose between them.
  class Player extends Turns {
    constructor(parts, named) {
      super();
      this.takes = parts.map((part) => this.made(part));
      this.take = this.takes[0];
      this.play = make("button", { type: "button", class: "play" }, "Play");
      this.slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "Position in the sound" });
      this.time = make("span", { class: "time quiet" });
      this.loop = make("input", { type: "checkbox" });
      const loop = make("label", { class: "check" }, this.loop, " loop");
      this.play.addEventListener("click", () => this.toggle());
      this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
      this.loop.addEventListener("change", () => this.draw());
      const choices = make("div", { class: "choices", role: "group", "aria-label": "Which sound is heard" });
      choices.append(...this.takes.map((take) => take.button));
      const transport = make("div", { class: "transport" }, this.play, this.slider, this.time, loop);
      this.node = make("div", { class: "deck", role: "group", "aria-label": named });
      this.node.append(...(parts.length > 1 ? [choices] : []), transport, ...this.takes.map((take) => take.audio));
      this.draw();
    }

    made({ code, key, name }) {
      const audio = make("audio", { preload: "auto", hidden: "" });
      audio.src = study.folder ? study.folder + "/" + code + ".flac" : document.getElementById("sound-" + code).textContent;
      const button = make("button", { type: "button", "aria-pressed": "false" }, name);
      const known = items.get(code);
      const take = Object.assign(new Heard(audio, known ? known.seconds : 0), { button, key, code, name });
      button.addEventListener("click", () => { this.choose(take); if (!this.playing) this.start(); });
      audio.addEventListener("playing", () => {
        state.heard[code] = 1;
        save();
        requestAnimationFrame(() => this.tick());
      });
      for (const event of ["pause", "loadedmetadata"]) audio.addEventListener(event, () => this.draw());
      audio.addEventListener("ended", () => this.ended(take));
      audio.addEventListener("error", () => this.failed(take));
      return take;
    }

    chosen() { announce(this.take.name); }

    draw() {
      if (!this.play) return;
      const at = this.position, length = this.length;
      for (const take of this.takes) take.audio.loop = this.loop.checked;
      this.play.textContent = this.playing ? "Pause" : "Play";
      this.slider.max = length;
      this.slider.value = at;
      this.slider.setAttribute("aria-valuetext", clock(at) + " of " + clock(length));
      if (length) this.time.textContent = clock(at) + " of " + clock(length);
      if (this.take.audio.error) this.time.textContent = "this sound cannot be played here";
      for (const take of this.takes) take.button.setAttribute("aria-pressed", String(take === this.take));
    }
  }

  let player = null, alerted = null, since = performance.now();

  // Time on a screen, while it is to be seen.
  const count = () => {
    const now = performance.now(), screen = screens[state.step];
    if (screen && !document.hidden) {
      const id = screen.code || screen.kind;
      state.seconds[id] = (state.seconds[id] || 0) + (now - since) / 1000;
    }
    since = now;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      const screen = screens[state.step], id = screen.code || screen.kind;
      state.seconds[id] = (state.seconds[id] || 0) + (performance.now() - since) / 1000;
      save();
    }
    since = performance.now();
  });
  addEventListener("pagehide", () => { count(); save(); });

  const go = (step) => {
    count();
    state.step = between(0, step, screens.length - 1);
    save();
    show();
  };

  const button = (words, act, kind = "") => {
    const made = make("button", { type: kind === "main" ? "submit" : "button", class: kind }, words);
    if (act) made.addEventListener("click", act);
    return made;
  };

  // A screen: its heading, what is in it, and how one goes on. `next` is called once nothing is missing.
  const put = (title, inside, words, next, others = []) => {
    alerted = make("p", { class: "missing", role: "alert" });
    const heading = make("h1", { tabindex: "-1" }, title);
    const form = make("form", { novalidate: "" }, heading, ...inside, alerted);
    const going = make("div", { class: "going" }, ...(words ? [button(words, null, "main")] : []), ...others);
    form.append(going);
    form.addEventListener("submit", (event) => { event.preventDefault(); next(); });
    const place = screens[state.step].place;
    const bar = place
      ? [make("progress", { max: tests().length, value: place - 1, "aria-label": "Screen " + place + " of " + tests().length })]
      : [];
    main.replaceChildren(...bar, form);
    window.scrollTo(0, 0);
    heading.focus();
  };

  const listenWith = (parts, named) => {
    player = new Player(parts, named);
    return player.node;
  };

  const unheard = () => player.takes.filter((take) => !state.heard[take.code]);

  // Whoever goes on hears what is missing, and stands at it.
  const onward = () => {
    const open = questionsOf(screens[state.step]).filter((each) => !answered(each.id));
    const silent = unheard();
    if (!silent.length && !open.length) return go(state.step + 1);
    const told = [];
    if (silent.length) told.push(player.takes.length > 1 ? "Please listen to: " + silent.map((take) => take.name).join(", ") + "." : "Please listen to the sound first.");
    if (open.length) told.push("Please answer: " + open.map((each) => each.label || "how many beeps").join(", ") + ".");
    alerted.textContent = told.join(" ");
    const first = silent.length ? player.play : main.querySelector('[data-question="' + open[0].id + '"]');
    if (first) first.focus();
    return null;
  };

  const radios = (id, title, question, points) => {
    const legend = make("legend", {}, title, ...(question ? [make("span", {}, question)] : []));
    const list = points.map(([value, words], place) => {
      const input = make("input", { type: "radio", name: id, value: String(value) });
      if (place === 0) input.dataset.question = id;
      input.checked = answered(id) && state.answers[id] === value;
      input.addEventListener("change", () => { answer(id, value); alerted.textContent = ""; });
      return make("label", {}, input, " ", words);
    });
    return make("fieldset", {}, legend, make("div", { class: "points" }, ...list));
  };

  const worded = (scale, value) => scale.labels[Math.min(Math.floor((value * scale.labels.length) / scale.high), scale.labels.length - 1)];

  const sliderFor = (id, scale, name) => {
    const input = make("input", { type: "range", min: scale.low, max: scale.high, step: 1, "aria-label": name, "data-question": id });
    const output = make("output", {});
    const draw = () => {
      const told = answered(id) ? state.answers[id] + " " + worded(scale, state.answers[id]) : "not rated yet";
      output.textContent = told;
      input.setAttribute("aria-valuetext", told);
    };
    input.value = answered(id) ? state.answers[id] : scale.low;
    for (const event of ["input", "change"]) input.addEventListener(event, () => { answer(id, Number(input.value)); draw(); });
    input.addEventListener("click", () => { answer(id, Number(input.value)); draw(); });
    draw();
    return make("div", { class: "slider" }, make("span", {}, name), input, output);
  };

  // The screens, by kind.
  const welcome = () => {
    const minutes = Math.ceil((tests().length * EACH[study.kind]) / 60 + 2);
    const what = { mos: "hear sounds one by one and rate them", ab: "compare sounds two by two",
      mushra: "compare several sounds with a reference and rate each" }[study.kind];
    const host = study.post ? new URL(study.post).host : "";
    const number = make("input", { type: "number", min: 1, max: seats.length, step: 1, inputmode: "numeric" });
    if (asked) number.value = asked;
    const inside = [
      make("p", {}, "You will " + what + ": " + tests().length + " screens, about " + minutes + " minutes. Please wear headphones, in a quiet place."),
      make("p", {}, study.kind === "ab" ? "You will be asked which one is better, or whether neither is:" : "You will be asked:"),
      make("ul", {}, ...study.scales.map((scale) => make("li", {}, make("strong", {}, scale.title + ". "), scale.question + " ",
        make("span", { class: "quiet" }, study.kind === "ab" ? "" : "From " + scale.low + " (" + scale.labels[0] + ") to " + scale.high + " (" + scale.labels.at(-1) + ").")))),
      make("p", {}, study.loudness + " Set your volume to a comfortable level on the next screens, and leave it there."),
      make("p", { class: "quiet" }, "Keys: 1–9 choose a sound, r the reference, space plays, ← and → go through the sound."),
      make("p", { class: "quiet" }, "Your answers stay in this browser, where you can go on after a pause, until you download them at the end"
        + (host ? " or send them to " + host : "") + ". They hold what you answered, whole seconds and a random number: no name, address or date."),
      ...(keeps ? [] : [make("p", { class: "callout" }, "This browser keeps nothing for this page: please finish without closing it.")]),
      make("label", { class: "field" }, make("span", {}, "Your listener number, if you were given one (1 to " + seats.length + ")"), number),
    ];
    put(study.title, inside, "Begin", () => {
      const wanted = number.value.trim();
      if (wanted && !(Number.isInteger(Number(wanted)) && Number(wanted) >= 1 && Number(wanted) <= seats.length)) {
        alerted.textContent = "The listener number is a whole number from 1 to " + seats.length + ".";
        return number.focus();
      }
      if (wanted) state.seat = Number(wanted);
      screens = screensOf(state.seat);
      return go(1);
    });
  };

  const tone = (screen) => {
    const id = "tone " + screen.turn;
    delete state.answers[id];
    const inside = [
      make("p", {}, "Turn " + (screen.turn + 1) + " of " + study.headphones.length + ": three tones, one after the other. Which one is the quietest?"),
      listenWith([{ code: "tones-" + (screen.turn + 1), name: "Three tones" }], "Three tones"),
      radios(id, "The quietest tone", "", ORDINALS.map((words, place) => [place, words])),
    ];
    put("Headphones", inside, "Next", () => {
      if (!answered(id)) {
        alerted.textContent = "Please choose the quietest tone.";
        return main.querySelector("[data-question]").focus();
      }
      state.tones[screen.turn] = state.answers[id];
      if (screen.turn + 1 === study.headphones.length) state.tries += 1;
      return go(state.step + 1 + (screen.turn + 1 === study.headphones.length && passed() ? 1 : 0));
    });
  };
  const passed = () => study.headphones.filter((truth, turn) => state.tones[turn] === truth).length >= HEARD * study.headphones.length;

  const tones = () => put("Headphones", [
    make("p", {}, "That is how the tones sound over loudspeakers, or in a noisy place. Please put on headphones, make sure that both sides work, and try once more."),
  ], "Try again", () => { state.tones = []; go(1); }, [button("Go on all the same", () => go(state.step + 1), "plain-button")]);

  const sideways = (screen) => [
    ...(screen.place > 1 ? [button("Back", () => go(state.step - 1))] : []),
    button("Stop here", () => go(screens.length - 1), "plain-button"),
  ];

  const check = (screen) => {
    const inside = [
      make("p", { class: "described" }, "How many beeps are in this sound?"),
      listenWith([{ code: screen.code, name: "The beeps" }], "The beeps"),
      radios(screen.code, "Beeps", "", [1, 2, 3, 4, 5, 6, 7, 8].map((number) => [number, String(number)])),
    ];
    put("Count the beeps", inside, "Next", onward, sideways(screen));
  };

  const trial = (screen) => {
    const one = trials.get(screen.code), order = orderOf(one);
    const letters = study.kind === "ab" ? ["A", "B"] : order.map((_, place) => String(place + 1));
    const names = order.map((code, place) => ({ code, key: String(place + 1), name: order.length > 1 ? "Sound " + letters[place] : "The sound" }));
    const parts = one.reference ? [{ code: one.reference, key: "r", name: "Reference" }, ...names] : names;
    const text = prompts.get(one.prompt).text;
    const inside = [
      make("p", { class: "quiet" }, "The description"), make("p", { class: "described" }, make("bdi", {}, text)),
      listenWith(parts, "Sounds of this description"),
      ...study.scales.flatMap((scale) => asking(screen, scale, names)),
    ];
    put("Screen " + screen.place + " of " + tests().length, inside, "Next", onward, sideways(screen));
    ahead();
  };

  const asking = (screen, scale, names) => {
    if (study.kind === "mushra") {
      const lines = names.map((each) => sliderFor(screen.code + " " + each.code + " " + scale.name, scale, each.name));
      const legend = make("legend", {}, scale.title, make("span", {}, scale.question));
      const fifths = make("div", { class: "fifths", "aria-hidden": "true" }, ...scale.labels.map((word) => make("span", {}, word)));
      return [make("fieldset", {}, legend, fifths, ...lines)];
    }
    if (study.kind === "ab") {
      const [a, b] = names;
      return [radios(screen.code + " " + scale.name, scale.title, scale.question, [[a.code, "A is better"], ["", "Neither is"], [b.code, "B is better"]])];
    }
    const points = scale.labels.map((word, place) => [scale.low + place, scale.low + place === 0 || scale.high === 1 ? word : scale.low + place + " " + word]);
    return [radios(screen.code + " " + names[0].code + " " + scale.name, scale.title, scale.question, points.reverse())];
  };

  // The sounds of the next screen are fetched while this one is heard.
  const ahead = () => {
    const next = screens[state.step + 1];
    if (!study.folder || !next || next.kind !== "trial") return;
    for (const code of trials.get(next.code).items) new Audio(study.folder + "/" + code + ".flac").preload = "auto";
  };

  // What goes into the file: codes and whole seconds, nothing else.
  const result = () => {
    const whole = (id) => Math.round(state.seconds[id] || 0);
    const at = (screen) => ({ place: screen.place, seconds: whole(screen.code) });
    const found = { ratings: [], preferences: [], checks: [] };
    for (const screen of tests()) {
      for (const { id, scale, item } of questionsOf(screen).filter((each) => answered(each.id))) {
        const value = state.answers[id];
        if (screen.kind === "check") found.checks.push({ check: screen.code, beeps: value, ...at(screen) });
        else if (study.kind === "ab") {
          const left = orderOf(trials.get(screen.code))[0];
          found.preferences.push({ trial: screen.code, scale: scale.name, left, chosen: value, ...at(screen) });
        } else found.ratings.push({ trial: screen.code, item, scale: scale.name, score: value, ...at(screen) });
      }
    }
    const complete = tests().every((screen) => questionsOf(screen).every((each) => answered(each.id)));
    const given = state.tones.length === study.headphones.length ? state.tones : [];
    return {
      schema: 1, kind: "evalkit-answers", study: study.id, listener: state.listener, seat: state.seat, complete,
      seconds: Math.round(Object.values(state.seconds).reduce((sum, one) => sum + one, 0)),
      headphones: { given, tries: state.tries }, ...found, comment: state.comment,
    };
  };

  const download = () => {
    const blob = new Blob([JSON.stringify(result(), null, 1) + "\n"], { type: "application/json" });
    const link = make("a", { href: URL.createObjectURL(blob), download: "answers-" + study.id.slice(0, 6) + "-" + state.listener.slice(0, 8) + ".json" });
    main.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    announce("Your answers were downloaded");
  };

  const send = async () => {
    alerted.textContent = "Sending…";
    try {
      const told = await fetch(study.post, {
        method: "POST", mode: "cors", credentials: "omit", referrerPolicy: "no-referrer", redirect: "error",
        signal: AbortSignal.timeout(PATIENCE * 1000),
        headers: { "Content-Type": "text/plain;charset=utf-8" }, body: JSON.stringify(result()),
      });
      if (!told.ok) throw new Error(String(told.status));
      alerted.textContent = "Your answers have arrived. Thank you!";
    } catch {
      alerted.textContent = "It is not certain that your answers arrived: please download them, and send the file to whoever asked you.";
    }
  };

  const end = () => {
    const { complete } = result();
    const comment = make("textarea", { rows: 4, maxlength: 2000 });
    comment.value = state.comment;
    comment.addEventListener("input", () => { state.comment = comment.value; save(); });
    const inside = [
      make("p", {}, complete ? "That was all. Thank you for listening!" : "You have not answered everything yet. You can go back, or hand in what there is."),
      make("label", { class: "field" }, make("span", {}, "Anything that we should know? (You need not.)"), comment),
      make("p", { class: "field" }, study.post ? "Please send your answers; if that does not work, download them and send the file to whoever asked you." : "Please download your answers, and send the file to whoever asked you."),
    ];
    const other = button("I am another listener: begin anew", () => {
      if (!other.dataset.sure) {
        other.dataset.sure = "yes";
        other.textContent = "Press again to begin anew; the answers here are then gone";
        return;
      }
      state = fresh();
      screens = screensOf(state.seat);
      since = performance.now();
      save();
      show();
    }, "plain-button");
    const back = screens.findIndex((each) => each.place && questionsOf(each).some((one) => !answered(one.id)));
    put(complete ? "Done" : "Not all is answered", inside, study.post ? "Send my answers" : "Download my answers", study.post ? send : download, [
      ...(study.post ? [button("Download my answers", download)] : []),
      button("Back to the test", () => go(back < 0 ? screens.length - 2 : back)), other,
    ]);
  };

  const SHOWN = { welcome, tone, tones, check, trial, end };
  const show = () => {
    if (player) player.pause();
    player = null;
    SHOWN[screens[state.step].kind](screens[state.step]);
  };

  const typing = "textarea, input[type=number]", takesSpace = typing + ", button, input[type=radio], input[type=checkbox]";
  addEventListener("keydown", (event) => {
    const focus = document.activeElement, wanted = event.key.toLowerCase();
    if (!player || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || focus.matches(typing)) return;
    const take = player.takes.length > 1 && player.takes.find((each) => each.key === wanted);
    if (take) player.choose(take);
    else if (wanted === " " && !focus.matches(takesSpace)) player.toggle();
    else if (/^arrow(left|right)$/.test(wanted) && !focus.matches("input")) player.seek(player.position + (wanted === "arrowleft" ? -STEP : STEP));
    else return;
    event.preventDefault();
  });

  state.step = between(0, Number(state.step) || 0, screens.length - 1);
  show();
  if (before && state.step > 0) announce("You are where you left off");
})();
