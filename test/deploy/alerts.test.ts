import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const folder = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url))
const isMissing = spawnSync('promtool', ['--version']).error !== undefined

t.test('the Prometheus alerts pass alerts.test.yaml', { skip: isMissing && 'promtool is missing: apt-get install prometheus' }, async t => {
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yaml'], { cwd: folder, encoding: 'utf8' })
  t.equal(status, 0, `${stdout}${stderr}`)
})
