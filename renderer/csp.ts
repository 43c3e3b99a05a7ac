/**
 * The page's policy allows style elements only with the nonce of this page. The terminal and the docking layout make some and know no
 * nonce: every style element that this document makes gets it. Nor does the policy allow style attributes, by which the terminal
 * colours text where it draws with elements: the same goes by the element's style object, of which no text of the page can make use. Has
 * to be loaded before them.
 */
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
const createElement = document.createElement.bind(document);

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === 'style') this.style.cssText = value;
  else HTMLElement.prototype.setAttribute.call(this, name, value);
}

document.createElement = ((name: string, options?: ElementCreationOptions) => {
  const element = createElement(name, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  if (element instanceof HTMLSpanElement) element.setAttribute = setAttribute;
  return element;
}) as typeof document.createElement;
