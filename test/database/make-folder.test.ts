import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeFolder } from '../../src/database/make-folder.ts'

t.test('makeFolder makes a folder with its parents, and accepts one that exists', t => {
  const folder = t.testdir()
  for (const path of [`${folder}/a/b/c`, `${folder}/a/b/c`, `${folder}/a/d/`, folder, '.', '/']) {
    makeFolder(path)
    t.ok(statSync(path).isDirectory(), path)
  }
  t.end()
})

t.test('makeFolder throws the error of a folder that cannot be made', t => {
  const folder = t.testdir()
  writeFileSync(`${folder}/file`, '')
  symlinkSync('nowhere', `${folder}/dangling`)
  t.throws(() => makeFolder(`${folder}/file`), { code: 'EEXIST' })
  t.throws(() => makeFolder(`${folder}/file/a/b`), { code: 'EEXIST' })
  t.throws(() => makeFolder(`${folder}/dangling/a`), { code: 'EEXIST' })
  t.end()
})

t.test('makeFolder throws below /proc, where a recursive mkdir never returns', { skip: process.platform !== 'linux' }, t => {
  for (const path of ['/proc/nope', '/proc/nope/deeper/still', '/proc/self/nope', '/sys/nope/a']) t.throws(() => makeFolder(path), { code: /^E/ }, path)
  t.end()
})

t.test('makeFolder follows a link to a folder', t => {
  const folder = t.testdir()
  mkdirSync(`${folder}/real`)
  symlinkSync('real', `${folder}/link`)
  makeFolder(`${folder}/link/a`)
  t.ok(statSync(`${folder}/real/a`).isDirectory())
  t.end()
})
