/** The theme's colours for a canvas, by their CSS variables: `--line` or `var(--line)`. Each is looked up once, for that takes its time. */
export function colorsOf(): (name: string) => string {
  const style = getComputedStyle(document.documentElement);
  const known = new Map<string, string>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) {
      value = style.getPropertyValue(name.replace(/^var\(|\)$/g, '')).trim();
      known.set(name, value);
    }
    return value;
  };
}
