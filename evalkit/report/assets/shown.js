// Which runs and which columns of a table are shown. What is hidden is told above the table and kept in the address,
// after the place that one is at: #s1-prompts?hide=s1.B&hide=s1.kl_passt. An address is anybody's: what it says is compared
// with what is here, and never becomes a selector or markup.
(() => {
  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const { make } = sounds;
  const words = (node) => node.textContent.trim().replace(/\s+/g, " ");
  const told = () => {
    const [place, ...rest] = location.hash.slice(1).split("?");
    return { place, hidden: rest.length ? new URLSearchParams(rest.join("?")).getAll("hide") : null };
  };
  let hidden = new Set(told().hidden || []);

  class Shown {
    constructor(section) {
      this.section = section;
      this.runs = all(section, ".board tbody tr[data-run]").map((row) => [row.dataset.run, words(row.querySelector(".who"))]);
      this.columns = all(section, ".board thead [data-metric]").map((head) => [head.dataset.metric, words(head.querySelector("bdi"))]);
      this.runs.sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
      this.inputs = new Map();
      const groups = [this.group("Runs", this.runs), this.group("Columns", this.columns)];
      const place = section.querySelector(".choice");
      place.append(make("details", {}, make("summary", {}, "Runs and columns"), ...groups));
      place.hidden = false;
      this.note = make("p", { class: "hidden-note", hidden: "" });
      section.querySelector(".parts").after(this.note);
    }

    group(title, names) {
      const set = make("fieldset", {}, make("legend", {}, title));
      for (const [id, name] of names) {
        const input = make("input", { type: "checkbox" });
        input.addEventListener("change", () => this.change(id, input.checked));
        this.inputs.set(this.full(id), input);
        set.append(make("label", { class: "check" }, input, make("bdi", {}, name)));
      }
      return set;
    }

    full(id) { return this.section.id + "." + id; }

    change(id, wanted) {
      if (wanted) hidden.delete(this.full(id)); else hidden.add(this.full(id));
      write();
      this.apply();
    }

    apply() {
      const gone = (id) => hidden.has(this.full(id));
      for (const [full, input] of this.inputs) input.checked = !hidden.has(full);
      const missing = [...this.runs, ...this.columns].filter(([id]) => gone(id));
      if (!missing.length && this.note.hidden) return;
      for (const node of all(this.section, "[data-run], [data-metric]")) {
        node.toggleAttribute("hidden", gone(node.dataset.run) || gone(node.dataset.metric));
      }
      together();
      this.say(missing.map(([, name]) => name));
      document.dispatchEvent(new Event("shown"));
    }

    say(names) {
      this.note.hidden = !names.length;
      const ranks = this.runs.length > 1 ? " Ranks stay those of all " + this.runs.length + " runs." : "";
      const button = make("button", { type: "button" }, "Show all");
      button.addEventListener("click", () => {
        for (const full of this.inputs.keys()) hidden.delete(full);
        write();
        this.apply();
        this.section.querySelector(".choice summary").focus();
      });
      this.note.replaceChildren("Hidden: ", make("bdi", {}, names.join(", ")), "." + ranks + " ", button);
    }
  }

  // What tells of several at once, as a difference of two runs in a metric, goes with any of them.
  const together = () => {
    for (const node of all(document, "[data-of]")) {
      node.toggleAttribute("hidden", node.dataset.of.split(" ").some((full) => hidden.has(full)));
    }
  };

  const write = () => {
    const asked = new URLSearchParams([...hidden].map((full) => ["hide", full])).toString();
    const after = told().place + (asked ? "?" + asked : "");
    try { history.replaceState(null, "", after ? "#" + after : location.href.split("#")[0]); } catch { /* not kept */ }
  };

  const tables = all(document, "main > section").filter((one) => one.querySelector(".choice")).map((one) => new Shown(one));
  const known = () => {
    const names = new Set(tables.flatMap((table) => [...table.inputs.keys()]));
    hidden = new Set([...hidden].filter((full) => names.has(full)));
    for (const table of tables) table.apply();
  };
  known();
  // A link within the page says nothing of what is hidden, and changes nothing of it.
  addEventListener("hashchange", () => {
    const asked = told().hidden;
    if (!asked) { write(); return; }
    hidden = new Set(asked);
    known();
  });
})();
