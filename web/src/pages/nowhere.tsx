import { Page } from '../parts/page.tsx'

export function NowherePage () {
  return (
    <Page title='Nothing here' intro='There is no such page, or it is not for you.'>
      <p><a href='#/articles'>To the articles</a></p>
    </Page>
  )
}
