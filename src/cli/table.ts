/** Formats rows as aligned columns. Control characters are replaced. */
export function formatTable (head: string[], rows: (string | number | boolean | null)[][]): string {
  const cells = [head, ...rows.map(row => row.map(cell => printable(String(cell ?? '-'))))]
  const widths = head.map((_, column) => Math.max(...cells.map(row => row[column]?.length ?? 0)))
  return cells.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n')
}

/** Untrusted text without control characters, so that it cannot control the terminal. */
export function printable (text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
