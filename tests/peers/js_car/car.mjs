// What the JavaScript packages make of CARs, as commands. Each block that is read is hashed.
//
//   node car.mjs blocks FILE...         a line of JSON for each CAR: version, roots, sections or an error
//   node car.mjs index FILE             "CID OFFSET BLOCK-OFFSET BLOCK-LENGTH" of each section
//   node car.mjs tree FILE...           a line of JSON for each CAR: what the exporter finds below the roots
//   node car.mjs cat FILE CID           the bytes of a UnixFS file
//   node car.mjs pack OUT [ROOT...]     blocks as a CARv1: standard input has lines of "CID HEX"
//   node car.mjs import PROFILE OUT PATH   a file or folder as a CARv1, by the importer; prints the root
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CarBlockIterator, CarIndexedReader, CarIndexer, CarWriter } from '@ipld/car'
import { validateBlock } from '@web3-storage/car-block-validator'
import { MemoryBlockstore } from 'blockstore-core'
import { exporter } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'
import { equals } from 'multiformats/bytes'
import { identity } from 'multiformats/hashes/identity'

// The hashes that ipfs-car checks, and identity, which it does not know.
async function check (cid, bytes) {
  if (cid.multihash.code !== identity.code) await validateBlock({ cid, bytes })
  else if (!equals(bytes, cid.multihash.digest)) throw new Error(`block ${cid} is not the one in its CID`)
  return bytes
}

async function blocks (path) {
  const found = { roots: [], sections: [], error: null }
  try {
    const iterator = await CarBlockIterator.fromIterable(createReadStream(path))
    found.roots = (await iterator.getRoots()).map(root => `${root}`)
    for await (const { cid, bytes } of iterator) {
      found.sections.push([`${cid}`, bytes.length])
      await check(cid, bytes)
    }
  } catch (error) {
    found.error = `${error.message}`
  }
  return found
}

const stored = reader => ({
  async * get (cid) {
    const block = await reader.get(cid)
    if (block === undefined) throw new Error(`block ${cid} is missing`)
    yield check(block.cid, block.bytes)
  }
})

async function describe (entry, path) {
  const found = { path, cid: `${entry.cid}`, type: entry.type }
  const message = entry.unixfs
  if (message?.mtime !== undefined) found.mtime = [Number(message.mtime.secs), message.mtime.nsecs ?? 0]
  if (entry.node?.Data !== undefined && message?.mode !== undefined) found.mode = message.mode
  if (entry.type === 'directory') return found
  if (message?.type === 'symlink') {
    return { ...found, type: 'symlink', target: Buffer.from(message.data).toString() }
  }
  const hash = createHash('sha256')
  let size = 0
  for await (const piece of entry.content()) {
    hash.update(piece)
    size += piece.length
  }
  return { ...found, type: 'file', size, sha256: hash.digest('hex') }
}

async function * walk (cid, store, path = '') {
  const entry = await exporter(cid, store)
  yield describe(entry, path)
  if (entry.type !== 'directory') return
  for await (const { cid, name } of entry.entries()) yield * walk(cid, store, path ? `${path}/${name}` : name)
}

async function tree (path) {
  const found = { roots: [], error: null }
  let reader
  try {
    reader = await CarIndexedReader.fromFile(path)
    for (const root of await reader.getRoots()) {
      const entries = []
      for await (const entry of walk(root, stored(reader))) entries.push(entry)
      found.roots.push(entries)
    }
  } catch (error) {
    found.error = `${error.message}`
  }
  await reader?.close()
  return found
}

async function * lines () {
  for await (const line of createInterface({ input: process.stdin })) yield line.split(' ')
}

async function write (path, roots, put) {
  const { writer, out } = CarWriter.create(roots)
  const done = pipeline(Readable.from(out), createWriteStream(path))
  await put(writer)
  await writer.close()
  await done
}

async function * sources (path, name) {
  if (!(await lstat(path)).isDirectory()) {
    yield { path: name, content: createReadStream(path) }
    return
  }
  yield { path: name }
  for (const entry of (await readdir(path)).sort()) yield * sources(join(path, entry), `${name}/${entry}`)
}

const commands = {
  async blocks (...paths) {
    for (const path of paths) console.log(JSON.stringify(await blocks(path)))
  },

  async index (path) {
    for await (const { cid, offset, blockOffset, blockLength } of await CarIndexer.fromIterable(createReadStream(path))) {
      console.log(`${cid} ${offset} ${blockOffset} ${blockLength}`)
    }
  },

  async tree (...paths) {
    for (const path of paths) console.log(JSON.stringify(await tree(path)))
  },

  async cat (path, text) {
    const reader = await CarIndexedReader.fromFile(path)
    const entry = await exporter(CID.parse(text), stored(reader))
    await pipeline(entry.content(), process.stdout)
    await reader.close()
  },

  async pack (path, ...roots) {
    await write(path, roots.map(text => CID.parse(text)), async writer => {
      for await (const [text, hex] of lines()) {
        await writer.put({ cid: CID.parse(text), bytes: Buffer.from(hex, 'hex') })
      }
    })
  },

  async import (profile, out, path) {
    const store = new MemoryBlockstore()
    const order = []
    const kept = { ...store, get: store.get.bind(store), has: store.has.bind(store) }
    kept.put = async (cid, bytes) => {
      order.push({ cid, bytes })
      return store.put(cid, bytes)
    }
    let root
    for await (const entry of importer(sources(path, basename(path)), kept, { profile })) root = entry.cid
    await write(out, [root], async writer => {
      for (const block of order) await writer.put(block)
    })
    console.log(`${root}`)
  }
}

const [command, ...words] = process.argv.slice(2)
await commands[command](...words)
