{
  const MOST_TOLD = 4;
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  // The marks have their text as labels, so it would be read twice.
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  let shown = [];
  let leaving = 0;

  const keyed = new Map();
  for (const item of document.querySelectorAll("[data-key]")) {
    keyed.set(item.dataset.key, [...(keyed.get(item.dataset.key) ?? []), item]);
  }
  for (const row of document.querySelectorAll("tr[data-key]")) {
    row.addEventListener("pointerenter", () => light([row]));
    row.addEventListener("pointerleave", () => light([]));
  }

  for (const chart of document.querySelectorAll("svg.chart")) {
    const marks = [...chart.querySelectorAll(".mark")];
    if (!marks.length) continue;
    // From one image to a group of things, of which one at a time is in the order of the tabulator.
    chart.setAttribute("role", "group");
    chart.querySelector(".drawing").setAttribute("aria-hidden", "true");
    marks.forEach((mark, index) => {
      const title = mark.querySelector("title");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", title.textContent);
      mark.setAttribute("tabindex", index ? "-1" : "0");
      // The browser would show it a second time, and late.
      title.remove();
      for (const kind of ["pointerenter", "pointermove"]) mark.addEventListener(kind, (event) => show(under(event)));
      mark.addEventListener("pointerleave", leave);
      mark.addEventListener("focus", () => {
        for (const other of marks) other.setAttribute("tabindex", other === mark ? "0" : "-1");
        show([mark]);
      });
      mark.addEventListener("blur", hide);
    });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -marks.length, End: marks.length };
      const now = marks.indexOf(event.target);
      if (!(event.key in step) || now < 0) return;
      event.preventDefault();
      marks[Math.min(Math.max(now + step[event.key], 0), marks.length - 1)].focus();
    });
  }
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("pointerdown", (event) => event.target.closest(".mark, .tip") ?? hide());
  addEventListener("scroll", place, { capture: true, passive: true });
  addEventListener("resize", place);

  // Points that lie on each other are told together, the nearest first.
  function under(event) {
    const away = (mark) => {
      const box = mark.getBoundingClientRect();
      return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
    };
    const found = document.elementsFromPoint(event.clientX, event.clientY).filter((item) => item.matches(".mark"));
    return found.length ? found.sort((one, other) => away(one) - away(other)) : [event.target];
  }

  function light(items) {
    for (const item of document.querySelectorAll(".lit")) item.classList.remove("lit");
    for (const item of items) {
      for (const other of keyed.get(item.dataset.key) ?? []) other.classList.add("lit");
    }
  }

  function show(marks) {
    clearTimeout(leaving);
    if (marks.length === shown.length && marks.every((mark, index) => mark === shown[index])) return;
    shown = marks;
    const texts = marks.slice(0, MOST_TOLD).map((mark) => mark.getAttribute("aria-label"));
    if (marks.length > MOST_TOLD) texts.push(`... and ${marks.length - MOST_TOLD} more here`);
    tip.textContent = texts.join("\n\n");
    tip.hidden = false;
    light(marks);
    place();
  }

  // The way from the mark to the tip takes a moment.
  function leave(event) {
    // A finger is lifted before anything can be read.
    if (event.pointerType === "touch") return;
    clearTimeout(leaving);
    leaving = setTimeout(hide, 200);
  }

  function hide() {
    clearTimeout(leaving);
    if (!shown.length) return;
    shown = [];
    tip.hidden = true;
    light([]);
  }

  function place() {
    if (!shown.length) return;
    const gap = 6;
    const mark = shown[0].getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const most = document.documentElement.clientWidth - size.width - gap;
    const above = mark.top - size.height - gap;
    const top = above >= gap ? above : Math.min(mark.bottom + gap, innerHeight - size.height - gap);
    tip.style.left = `${Math.max(Math.min(mark.left + mark.width / 2 - size.width / 2, most), gap)}px`;
    tip.style.top = `${Math.max(top, gap)}px`;
  }
}
