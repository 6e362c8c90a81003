export function Wordmark () {
  return <a className='wordmark' href='#/articles'>Articles</a>
}
