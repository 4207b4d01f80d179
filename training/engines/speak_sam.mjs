// SAM of 1982: three formants, 8 bits. Voices are speed,pitch,throat,mouth. Requests on standard input, wav files to the folder given.
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const SamJs = createRequire(import.meta.url)('sam-js')
const RATE_HZ = 22050

function wav (samples) {
  const bytes = Buffer.alloc(44 + 2 * samples.length)
  bytes.write('RIFF', 0)
  bytes.writeUInt32LE(36 + 2 * samples.length, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20) // PCM
  bytes.writeUInt16LE(1, 22) // mono
  bytes.writeUInt32LE(RATE_HZ, 24)
  bytes.writeUInt32LE(2 * RATE_HZ, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(2 * samples.length, 40)
  samples.forEach((sample, index) => bytes.writeInt16LE(Math.round(sample * 32767), 44 + 2 * index))
  return bytes
}

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line)
  const [speed, pitch, throat, mouth] = ask.voice.split(',').map(Number)
  const samples = new SamJs({ speed: Math.round(speed / ask.speed), pitch, throat, mouth }).buf32(ask.text)
  if (samples) writeFileSync(`${process.argv[2]}/${ask.name}.wav`, wav(samples))
}
