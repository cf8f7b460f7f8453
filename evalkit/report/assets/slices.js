// One table of slices is shown at a time; without this it is the first.
(() => {
  for (const section of document.querySelectorAll(".slices")) {
    const tables = Array.from(section.querySelectorAll(".slice"));
    const choice = section.querySelector(".slice-choice");
    const select = choice.querySelector("select");
    choice.hidden = tables.length < 2;
    const show = () => {
      tables.forEach((table, place) => { table.hidden = String(place) !== select.value; });
    };
    select.addEventListener("change", () => {
      show();
      document.getElementById("announce").textContent = "Slices by " + select.selectedOptions[0].textContent;
    });
    show(); // a browser that comes back keeps what was chosen
  }
})();
