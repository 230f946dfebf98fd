// What is wrong with this page for people who do not see it as its authors do. Run by the browser; gives a list of texts.
const wrong = [];
const visible = (node) =>
  node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && node.getClientRects().length > 0;
const name = (node) =>
  node.getAttribute("aria-label") ||
  [...(node.labels ?? [])].map((label) => label.textContent).join(" ") ||
  document.getElementById(node.getAttribute("aria-labelledby"))?.textContent ||
  // What is typed or chosen there is no name.
  (node.matches("input, select, textarea") ? "" : node.textContent);

// Landmarks, headings, names, ids.
for (const [css, count] of [
  ["main", 1],
  ["header.top", 1],
  ["nav[aria-label]", 1],
  ["h1", 1],
  ["[role=search]", 1],
  [".skip[href='#main']", 1],
]) {
  const found = [...document.querySelectorAll(css)].filter((node) => css !== "h1" || visible(node)).length;
  if (found !== count) wrong.push(`${found} × ${css}`);
}
let level = 0;
for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
  if (!visible(heading)) continue;
  const own = Number(heading.tagName[1]);
  if (own > level + 1) wrong.push(`${heading.tagName} “${heading.textContent}” follows level ${level}`);
  level = own;
}
for (const control of document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")) {
  if (visible(control) && !name(control).trim()) wrong.push(`no name: ${control.outerHTML.slice(0, 120)}`);
}
for (const image of document.querySelectorAll("img:not([alt])")) wrong.push(`no alt: ${image.src}`);
const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) wrong.push(`id twice: ${id}`);
for (const node of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
  const named = `${node.getAttribute("aria-labelledby") ?? ""} ${node.getAttribute("aria-describedby") ?? ""}`
    .trim()
    .split(/\s+/);
  for (const id of named) if (!document.getElementById(id)) wrong.push(`names what is not there: ${id}`);
}

// Contrast of every text with what is behind it (WCAG 2.2, 1.4.3).
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = ([red, green, blue]) => {
  const [r, g, b] = [red, green, blue].map((part) =>
    part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  for (let at = node; at instanceof Element; at = at.parentElement) {
    const rect = at.tagName === "g" && at.querySelector(":scope > rect");
    const [red, green, blue, alpha] = rgba(rect ? getComputedStyle(rect).fill : getComputedStyle(at).backgroundColor);
    if (alpha > 250) return [red, green, blue];
  }
  return [255, 255, 255];
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const { parentElement: node, data } = texts.currentNode;
  if (!data.trim() || !visible(node) || node.closest(".unseen, .skip, .events, option")) continue;
  const colour = node.closest("svg") ? getComputedStyle(node).fill : getComputedStyle(node).color;
  const [high, low] = [light(rgba(colour)), light(behind(node))].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: “${data.trim().slice(0, 40)}”`);
}
return [...new Set(wrong)];
