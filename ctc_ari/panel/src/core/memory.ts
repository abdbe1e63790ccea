const place = (brief: boolean): Storage => (brief ? sessionStorage : localStorage);

/** What the browser remembers, `brief` for this tab only; one that keeps nothing, or forbids it to this page, remembers nothing. */
export function read(key: string, brief = false): string {
  try {
    return place(brief).getItem(key) ?? '';
  } catch {
    return '';
  }
}

/** An empty value is forgotten. */
export function write(key: string, value: string, brief = false): void {
  try {
    if (value) place(brief).setItem(key, value);
    else place(brief).removeItem(key);
  } catch {
    // It is asked for again next time.
  }
}

/** The same of what was written as JSON; null if there is nothing, or nothing that can be read. */
export function readJson<T>(key: string, brief = false): T | null {
  try {
    return JSON.parse(read(key, brief)) as T;
  } catch {
    return null;
  }
}
