// Words of the page in the language of its document. The English text is the key; the document loads other languages before this.

const spokenWords = (globalThis as { droversWords?: Map<string, string | string[]> }).droversWords;

/** Values of placeholders, by name. */
type Values = Record<string, string | number>;

const fillIn = (text: string, values: Values): string =>
  text.replace(/\{(\w+)\}/g, (place, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : place));

/** A text in the language of the page, with its placeholders filled in. */
export function t(key: string, values: Values = {}): string {
  const known = spokenWords?.get(key);
  return fillIn(typeof known === "string" ? known : key, values);
}

/** The form of a text that a number needs, which is its placeholder `n`. */
export function tn(n: number, one: string, other: string, values: Values = {}): string {
  const forms = spokenWords?.get(one);
  const form = Array.isArray(forms) ? (forms[n === 1 ? 0 : 1] ?? forms[0]) : undefined;
  return fillIn(form ?? (n === 1 ? one : other), { n, ...values });
}
