// What `deflate.rs` measures, for the engine of npm `ws`: Node's zlib, driven as `ws` drives it, one message after the
// other (`ws` lets several connections use zlib's threads at a time). Prints µs per message.
//
//   node benches/ws-deflate.mjs MESSAGES.json      an array of strings; `cargo run --bin messages` prints one

import { readFileSync } from 'node:fs'
import zlib from 'node:zlib'

const messages = JSON.parse(readFileSync(process.argv[2] ?? 0)).map((text) => Buffer.from(text))
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])

/** Writes one message to a stream of zlib and flushes; resolves with all that came out. */
function through(stream, chunks) {
  return new Promise((resolve, reject) => {
    const out = []
    const onData = (chunk) => out.push(chunk)
    stream.on('data', onData)
    stream.once('error', reject)
    for (const chunk of chunks) stream.write(chunk)
    stream.flush(zlib.constants.Z_SYNC_FLUSH, () => {
      stream.off('data', onData)
      stream.off('error', reject)
      resolve(Buffer.concat(out))
    })
  })
}

async function measure(name, work) {
  const turns = messages[0].length < 10_000 ? 4_000 : 400
  for (let i = 0; i < turns / 10; i++) await work(i % messages.length)
  const start = process.hrtime.bigint()
  for (let i = 0; i < turns; i++) await work(i % messages.length)
  const us = Number(process.hrtime.bigint() - start) / 1_000 / turns
  console.log(`${name} ${messages[0].length} B: ${us.toFixed(1)} µs`)
}

for (const takeover of [true, false]) {
  const mode = takeover ? 'takeover' : 'no takeover'
  for (const level of [1, 6]) {
    const stream = zlib.createDeflateRaw({ windowBits: 15, level })
    await measure(`compress ${level}, ${mode}`, async (i) => {
      if (!takeover) stream.reset()
      await through(stream, [messages[i]])
    })
  }
  const deflate = zlib.createDeflateRaw({ windowBits: 15 })
  const compressed = []
  for (const message of messages) {
    if (!takeover) deflate.reset()
    compressed.push((await through(deflate, [message])).subarray(0, -4))
  }
  const inflate = zlib.createInflateRaw({ windowBits: 15 })
  await measure(`inflate, ${mode}`, async (i) => {
    if (!takeover) inflate.reset()
    await through(inflate, [compressed[i], TAIL])
  })
}
