// Builds elements. Data only ever becomes text or an attribute, never markup, and no attribute that runs or styles.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `on` holds listeners, `data` data-attributes; null and false are left out, as are such children. */
export function element(name, attributes = {}, ...children) {
  return build(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, name), attributes, children);
}

function build(node, { on = {}, data = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (/^(on|style$)/.test(name)) throw new Error(`no ${name} here`);
    if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  for (const [name, value] of Object.entries(data)) node.dataset[name] = value;
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A link to somewhere else, if that is a web address; otherwise only the text. */
export function outside(url, text) {
  const web = /^https?:\/\//.test(url ?? "");
  return web ? element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text) : text;
}

/** Sets a text only if it differs, so that nothing is announced or repainted in vain. */
export function setText(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

/** Makes `parent` hold `children` in this order, moving no node that is in its place: focus and selection stay. */
export function arrange(parent, children) {
  let next = parent.firstChild;
  for (const child of children) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  while (next) {
    const rest = next.nextSibling;
    next.remove();
    next = rest;
  }
}
