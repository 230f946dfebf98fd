// Places the choreography as a score: a lane per service, events from left to right in the order of their causes.

/** Sizes, in pixels. */
export const PILL = { width: 178, height: 44 };
const STACK = 58;
const LANE = 92;
/** Room before a pill, for the sign that it is one of several outcomes or needs several events. */
export const SIGN = 24;

/** How many causes lie before each event. */
function depths(reactions) {
  const depth = new Map();
  const of = (name) => {
    if (depth.has(name)) return depth.get(name);
    depth.set(name, 0);
    const causes = reactions.filter((reaction) => reaction.publishes.includes(name)).flatMap((reaction) => reaction.to);
    depth.set(name, causes.length ? 1 + Math.max(...causes.map(of)) : 0);
    return depth.get(name);
  };
  return of;
}

/** The services from top to bottom: whoever begins is in the middle. */
export function lanes({ events, reactions, services }) {
  const answers = new Set(reactions.flatMap((reaction) => reaction.publishes));
  const first = events.find((event) => !answers.has(event.name))?.owner;
  const others = services.filter((name) => name !== first);
  others.splice(Math.ceil(others.length / 2), 0, first);
  return others.filter(Boolean);
}

/** Everything that stands in a lane: each event, and each reaction that publishes nothing. */
function standing({ events, reactions }) {
  const of = depths(reactions);
  const facts = events.map(({ name, owner }) => ({ key: name, name, lane: owner, column: of(name) }));
  const ends = reactions
    .filter((reaction) => !reaction.publishes.length)
    .map((reaction) => ({
      key: `${reaction.service} ${reaction.what}`,
      end: reaction.what,
      lane: reaction.service,
      column: 1 + Math.max(...reaction.to.map(of)),
    }));
  return [...facts, ...ends];
}

/** Orders what shares a lane and a column so that few arrows cross: by where its causes are, then by where its effects are. */
function order(all, { reactions }, names) {
  const height = (one) => names.indexOf(one.lane) + all.indexOf(one) / (2 * all.length);
  const mean = (keys) => keys.reduce((sum, key) => sum + height(all.find((one) => one.key === key)), 0) / keys.length;
  const causes = (one) =>
    reactions.filter((reaction) => reaction.publishes.includes(one.key)).flatMap((reaction) => reaction.to);
  const effects = (one) =>
    reactions.filter((reaction) => reaction.to.includes(one.key)).flatMap((reaction) => reaction.publishes);
  for (const neighbours of [causes, effects]) {
    const wanted = new Map(all.map((one) => [one.key, mean(neighbours(one))]));
    all.sort((a, b) => wanted.get(a.key) - wanted.get(b.key) || 0);
  }
  return all;
}

/** Where everything goes in `width`: `{height, lanes: [{name, y, height}], places: Map(key → {x, y, …})}`. */
export function place(choreography, width) {
  const all = order(standing(choreography), choreography, lanes(choreography));
  const columns = 1 + Math.max(...all.map((one) => one.column));
  const pitch = (width - PILL.width - 28) / Math.max(1, columns - 1);
  const places = new Map();
  let y = 0;
  const rows = lanes(choreography).map((name) => {
    const own = all.filter((one) => one.lane === name);
    const stacks = Array.from({ length: columns }, (_, column) => own.filter((one) => one.column === column));
    const height = Math.max(LANE, 36 + STACK * Math.max(...stacks.map((stack) => stack.length)));
    for (const stack of stacks) {
      stack.forEach((one, index) => {
        const middle = y + height / 2 + (index - (stack.length - 1) / 2) * STACK;
        places.set(one.key, { ...one, x: 14 + one.column * pitch, y: middle });
      });
    }
    const row = { name, y, height };
    y += height + 8;
    return row;
  });
  return { height: y - 8, lanes: rows, places };
}

/**
 * The arrows: `{cause, from, to}`, where `cause` is the event that flows there; and the signs between them: `either` where
 * one of several outcomes follows, `both` where several events must have come.
 */
export function connect({ reactions }, places) {
  const arrows = [];
  const signs = [];
  for (const reaction of reactions) {
    const targets = reaction.publishes.length ? reaction.publishes : [`${reaction.service} ${reaction.what}`];
    const ends = targets.map((key) => places.get(key));
    const [first] = ends;
    const middle = ends.reduce((sum, end) => sum + end.y, 0) / ends.length;
    const sign = ends.length > 1 ? "either" : reaction.to.length > 1 ? "both" : null;
    const meeting = { x: first.x - SIGN, y: middle };
    if (sign) signs.push({ sign, ...meeting });
    for (const cause of reaction.to) {
      const { x, y } = places.get(cause);
      arrows.push({ cause, from: { x: x + PILL.width, y }, to: sign ? meeting : first, tip: !sign });
    }
    if (sign)
      for (const end of ends) arrows.push({ cause: reaction.to, from: meeting, to: end, tip: true, after: sign });
  }
  return { arrows, signs };
}
