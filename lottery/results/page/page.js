// Comfort only: without it everything can be read.
const all = (query, root = document) => [...root.querySelectorAll(query)];
const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].innerText;
const compare = (a, b) => (a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b));

const themes = ["auto", "light", "dark"], theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const next = themes[(themes.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % 3];
  if (next === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  theme.textContent = "Theme: " + next;
});

for (const button of all("button.sort")) button.addEventListener("click", () => {
  const head = button.closest("th"), body = head.closest("table").tBodies[0];
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of all("th[aria-sort]", head.parentNode)) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
  body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, head.cellIndex), value(b, head.cellIndex))));
});

const filters = all(".filter");
const unchecked = (filter) => all("input:not(:checked)", filter).map((box) => box.value);
for (const filter of filters) filter.addEventListener("change", () => {
  const id = filter.dataset.table, same = filters.filter((other) => other.dataset.table === id);
  for (const row of document.getElementById(id).tBodies[0].rows)
    row.hidden = same.some((one) => unchecked(one).includes(row.cells[one.dataset.column].dataset.v ?? row.cells[one.dataset.column].innerText.trim()));
});

for (const button of all("button.copy")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.text).then(() => (button.textContent = "Copied")));
}

const openAt = () => document.getElementById(location.hash.slice(1))?.closest("details")?.setAttribute("open", "");
addEventListener("hashchange", () => { openAt(); document.getElementById(location.hash.slice(1))?.scrollIntoView(); });
openAt();
let opened = [];
addEventListener("beforeprint", () => { opened = all("details:not([open])"); opened.forEach((fold) => (fold.open = true)); });
addEventListener("afterprint", () => opened.forEach((fold) => (fold.open = false)));

const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-10% 0px -80% 0px" });
all("section[id]").forEach((section) => seen.observe(section));
