// The page is complete without this: it only adds sorting, filtering, and player.js what one listens with.
// Nothing here turns text into markup; every node is made or moved, and every word is set as text.
(() => {
  const all = (root, selector) => Array.from(root.querySelectorAll(selector));
  const announce = (text) => { document.getElementById("announce").textContent = text; };

  // Numbers in the wanted direction; rows without one always last; equal ones keep their order.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (Number(a) - Number(b));
  };

  const sortTable = (table, head, direction) => {
    const column = head.dataset.column;
    const value = (row) => all(row, "[data-column]").find((cell) => cell.dataset.column === column).dataset.value;
    const sign = direction === "descending" ? -1 : 1;
    const body = table.tBodies[0];
    body.append(...Array.from(body.rows).sort((a, b) => compare(value(a), value(b), sign)));
    for (const other of all(table, "thead th")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
    announce("Sorted by " + head.textContent.trim().replace(/\s+/g, " ") + ", " + direction);
  };

  const makeSortable = (table) => {
    for (const head of all(table, "thead th[data-column]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      if (head.dataset.column === "run") {
        const label = document.createElement("span");
        label.className = "plain-head";
        label.append(...head.childNodes);
        button.append(label);
      } else {
        button.append(...head.childNodes);
      }
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const turned = now === "ascending" ? "descending" : "ascending";
        sortTable(table, head, now ? turned : head.dataset.first);
      });
    }
  };

  const makeSearchable = (section) => {
    const tools = section.querySelector(".tools");
    if (!tools) return;
    tools.hidden = false;
    const list = section.querySelector(".entries");
    const entries = all(list, ".entry");
    const lines = all(section, "tr.line");
    // Read when somebody first filters: a page of a thousand prompts would otherwise open later for it.
    let words = null;
    const read = () => new Map([...entries, ...lines].map((node) => [
      node, (node.querySelector("header") || node.querySelector("th")).textContent.toLowerCase(),
    ]));
    const filter = tools.querySelector(".filter");
    const flagged = tools.querySelector(".flagged");
    const order = tools.querySelector(".order");

    const apply = () => {
      words ??= read();
      const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const [node, text] of words) {
        node.hidden = !wanted.every((word) => text.includes(word)) || (flagged.checked && !("flagged" in node.dataset));
      }
      const pool = lines.length ? lines : entries;
      const shown = pool.filter((node) => !node.hidden).length;
      tools.querySelector(".tally").textContent = shown + " of " + pool.length + " prompts";
    };
    const arrange = () => {
      const [place, direction] = order.value.split(" ");
      const value = (node) => (direction ? node.getAttribute("data-" + place) : node.dataset.place);
      const words = (a, b) => value(a).localeCompare(value(b), "en");
      const numbers = (a, b) => compare(value(a), value(b), direction === "descending" ? -1 : 1);
      list.append(...entries.slice().sort(direction === "words" ? words : numbers));
    };
    filter.addEventListener("input", apply);
    flagged.addEventListener("change", apply);
    order.addEventListener("change", arrange);
    const total = lines.length || entries.length;
    tools.querySelector(".tally").textContent = total + " of " + total + " prompts";
  };

  // A link to a prompt that the filter hides, or that lies in the closed list, must still arrive.
  const reveal = () => {
    const [place, ...rest] = location.hash.slice(1).split("?");
    const target = place ? document.getElementById(place) : null;
    const folded = target ? target.closest("details") : null;
    if (folded) folded.open = true;
    if (target) target.hidden = false;
    if (target && rest.length) target.scrollIntoView();
  };

  // A table that needs no scroller is none, so that its head can stay in sight, and is no stop of the Tab key.
  const fit = (box) => {
    box.classList.remove("fits");
    const fits = box.scrollWidth <= box.clientWidth;
    box.classList.toggle("fits", fits);
    if (fits) box.removeAttribute("tabindex"); else box.tabIndex = 0;
  };
  const sizes = new ResizeObserver((changes) => { for (const { target } of changes) fit(target); });
  for (const box of all(document, ".scroll")) sizes.observe(box);

  all(document, "table[data-sortable]").forEach(makeSortable);
  all(document, "section.prompts").forEach(makeSearchable);
  addEventListener("hashchange", reveal);
  reveal();
})();
