/** A break of a language rule, for people: the line, the rule, and the text. */
export interface Fault {
  line: number
  rule: string
  text: string
}

interface Paragraph {
  line: number
  text: string
}

const maxColumns = 110
const maxWords = 25
/** A sentence with one of these openings has no noun as its subject. Questions may have them. */
const forbiddenOpening = /^(What|Whatever|Who|Whoever|Whom|Whose|Those|Nor|Of)\b(?!.*\?$)/

/** Checks the comments of a file, or the prose of a Markdown page, against the rules in CONTRIBUTING.md. */
export function findFaults (path: string, text: string): Fault[] {
  const lines = text.split('\n')
  const paragraphs = path.endsWith('.md') ? markdownParagraphs(lines) : commentParagraphs(lines, commentPattern(path))
  return paragraphs.flatMap(sentences => [...findLongLines(sentences), ...findBadSentences(sentences)])
}

function findLongLines (paragraph: Paragraph[]): Fault[] {
  return paragraph
    // A link cannot be broken.
    .filter(({ text }) => text.length > maxColumns && !/https?:\/\/|\]\(/.test(text))
    .map(({ line, text }) => ({ line, rule: `a line has at most ${maxColumns} columns`, text }))
}

function findBadSentences (paragraph: Paragraph[]): Fault[] {
  const line = paragraph[0]?.line ?? 0
  const text = paragraph.map(({ text }) => withoutMarkup(text)).join(' ')
  return text.split(/(?<=[.!?])\s+(?=[A-Z(])/).flatMap(sentence => {
    const words = sentence.split(/\s+/).filter(word => /\w/.test(word)).length
    if (words > maxWords) return [{ line, rule: `a sentence has at most ${maxWords} words, and this has ${words}`, text: sentence }]
    if (forbiddenOpening.test(sentence)) return [{ line, rule: 'a sentence has a noun as its subject', text: sentence }]
    return []
  })
}

/** The text without the marks of comments and lists. Code and addresses become one word each. */
function withoutMarkup (line: string): string {
  return line.trim()
    .replace(/^(\/\/|\/?\*+|#+|[-*>]|\d+\.)\s+/, '')
    .replace(/\*\/$/, '')
    .replace(/^@(param|returns?|throws)\b/, '')
    .replace(/`[^`]*`/g, 'Code')
    .replace(/\]\([^)]*\)/g, '')
    .replace(/https?:\S+/g, 'Link')
    .replace(/[*[\]{}]/g, '')
    .trim()
}

function commentPattern (path: string): RegExp {
  return /\.(ya?ml|sh|cfg|lua)$|Dockerfile$|\.env\.example$|\.ci\/run$/.test(path) ? /^\s*(#|--) / : /^\s*(\/\/|\/\*\*?|\*)(\s|$)/
}

/** Each run of comment lines is a paragraph. Tags and list items begin another one. */
function commentParagraphs (lines: string[], pattern: RegExp): Paragraph[][] {
  return paragraphsOf(lines, line => {
    const content = line.replace(pattern, '').trim()
    if (!pattern.test(line) || content === '') return 'none'
    return /^(@|[-*] |\d+\. )/.test(content) ? 'begins' : 'continues'
  })
}

/** Each paragraph and list item of a page. Headings, tables and code are not prose. */
function markdownParagraphs (lines: string[]): Paragraph[][] {
  let isCode = false
  return paragraphsOf(lines, line => {
    if (/^\s*```/.test(line)) isCode = !isCode
    if (isCode || line.trim() === '' || /^\s*(```|\||#|<|!\[)|^---/.test(line)) return 'none'
    return /^\s*([-*]|\d+\.)\s/.test(line) ? 'begins' : 'continues'
  })
}

function paragraphsOf (lines: string[], classify: (line: string) => 'none' | 'begins' | 'continues'): Paragraph[][] {
  const paragraphs: Paragraph[][] = []
  let current: Paragraph[] | undefined
  for (const [index, text] of lines.entries()) {
    const kind = classify(text)
    if (kind === 'none') current = undefined
    else if (kind === 'begins' || current === undefined) paragraphs.push(current = [{ line: index + 1, text }])
    else current.push({ line: index + 1, text })
  }
  return paragraphs
}
