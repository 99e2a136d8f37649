// How large the program of a regular expression will be, before anybody compiles it: RE2 writes what is repeated out that many times.
// In: an expression in RE2's syntax, or nearly. Out: about how many steps its program has; exact enough to tell too much from usual.

/** Compiling one of this size takes some 50 ms; usual ones have a few hundred. */
export const maxRegexSize = 10_000;

interface Group {
  total: number;
  /** Of what a repetition would repeat. */
  last: number;
}

export function regexSize(text: string): number {
  const groups: Group[] = [];
  let group: Group = { total: 0, last: 0 };
  const add = (size: number): void => {
    group.total += size;
    group.last = size;
  };
  const token =
    /\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}?|\\x\{[^}]*\}?|\\.|\{(\d+)(,?)(\d*)\}|\(\?[a-zA-Z-]*\)|\((?:\?[^:>)]*[:>])?|./gsu;
  for (let next = token.exec(text); next !== null; next = token.exec(text)) {
    const [found, least, comma, most] = next;
    if (found === '[') {
      token.lastIndex = endOfClass(text, next.index);
      add(1);
    } else if (found.startsWith('(') && found.endsWith(')')) add(0);
    else if (found.startsWith('(')) {
      groups.push(group);
      group = { total: 2, last: 0 };
    } else if (found === ')') {
      const { total } = group;
      group = groups.pop() ?? { total: 0, last: 0 };
      add(total);
    } else if (least !== undefined) {
      const times = most === undefined || most === '' ? Number(least) + (comma === '' ? 0 : 1) : Number(most);
      group.total += group.last * (Math.max(times, 1) - 1);
      group.last *= Math.max(times, 1);
    } else if (/^[*+?|]$/.test(found)) group.total += 1;
    else add(found.startsWith('\\Q') ? found.length : 1);
  }
  return groups.reduce((sum, { total }) => sum + total, group.total);
}

/** Behind its bracket: `[]a]`, `[^]a]` and `[[:alpha:]]` have some within. */
function endOfClass(text: string, start: number): number {
  const inside = /\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]?/suy;
  inside.lastIndex = start + 1;
  inside.test(text);
  return inside.lastIndex === 0 ? text.length : inside.lastIndex;
}
