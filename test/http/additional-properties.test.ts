import { Ajv } from 'ajv'
import t from 'tap'
import { additionalProperties } from '../../src/http/additional-properties.ts'

const schema = { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: false }
const members = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`member${index}`, 1]))

function validator () {
  return new Ajv({ allErrors: true, strict: false, validateSchema: false }).removeKeyword('additionalProperties').addKeyword(additionalProperties).compile(schema)
}

t.test('additionalProperties collects 20 of 100,000 unknown members', async t => {
  const validate = validator()
  t.equal(validate(members(100_000)), false)
  t.equal(validate.errors?.length, 20)
  t.match(validate.errors, [{ instancePath: '', keyword: 'additionalProperties', params: { additionalProperty: 'member0' } }])
})

t.test('additionalProperties accepts known members, and reports unknown ones beside other faults', async t => {
  const validate = validator()
  t.equal(validate({ name: 'a' }), true)
  t.equal(validate({}), true)
  t.equal(validate({ name: 5, constructor: 1, ...members(2) }), false)
  t.strictSame(validate.errors?.map(({ keyword, params }) => params.additionalProperty ?? keyword).sort(), ['constructor', 'member0', 'member1', 'type'])
  t.equal(validate({ name: 'a' }), true, 'a fault does not stay for the next input')
})
