/** A random item. */
export function pick<Item> (items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)]
  if (item === undefined) throw new Error('there is no item to pick')
  return item
}
