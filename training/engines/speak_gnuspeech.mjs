// Gnuspeech: a tube model of the vocal tract. Requests on standard input, wav files to the folder given.
import { synthesize } from '@echogarden/gnuspeech-wasm'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line)
  const { audioData } = await synthesize(ask.text, { voice: ask.voice, tempo: ask.speed })
  writeFileSync(`${process.argv[2]}/${ask.name}.wav`, audioData)
}
