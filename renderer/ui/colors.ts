/** The theme whose values are known. */
let theme: string | undefined;
const known = new Map<string, string>();

/** Values of the theme's CSS variables for a canvas: `--line` or `var(--line)`. Each is looked up once a theme: to ask lays out the page. */
export function themed(name: string): string {
  const root = document.documentElement;
  if (theme !== root.dataset.theme) {
    theme = root.dataset.theme;
    known.clear();
  }
  let value = known.get(name);
  if (value === undefined) {
    value = getComputedStyle(root)
      .getPropertyValue(name.replace(/^var\(|\)$/g, ''))
      .trim();
    known.set(name, value);
  }
  return value;
}
