// The tables stand in the page once, as the links to download them; a button copies what its link holds.
(() => {
  const textOf = (link) => {
    const bytes = Uint8Array.from(atob(link.getAttribute("href").split(",")[1]), (char) => char.charCodeAt(0));
    return new TextDecoder().decode(bytes);
  };

  // Where a browser keeps its clipboard from a page of a file, what is selected can be copied still.
  const copySelected = (text) => {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copySelected(text);
    }
  };

  for (const button of document.querySelectorAll(".export .copy")) {
    const link = button.parentElement.querySelector("a[download]");
    const title = link.getAttribute("aria-label").replace("Download ", "");
    button.hidden = false;
    button.addEventListener("click", async () => {
      const done = await copy(textOf(link));
      button.focus();
      button.textContent = done ? "copied" : "not copied: download it";
      document.getElementById("announce").textContent = title + (done ? " copied" : " not copied");
    });
  }
})();
