// An object without some of its keys. Pure.
export function omit<T extends object, K extends string>(object: T, ...keys: readonly K[]): Omit<T, K> {
  return Object.fromEntries(
    Object.entries(object).filter(([key]) => !(keys as readonly string[]).includes(key)),
  ) as Omit<T, K>;
}
