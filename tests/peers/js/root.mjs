// node root.mjs TOOL PATH...: the root CIDs that a JavaScript tool gives files and directories.
import { createReadStream, openAsBlob } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { globSource, unixfs } from '@helia/unixfs'
import { encodeDirectory, encodeFile } from '@storacha/upload-client/unixfs'
import { MemoryBlockstore } from 'blockstore-core'
import { createDirectoryEncoderStream, createFileEncoderStream } from 'ipfs-car'
import { importer } from 'ipfs-unixfs-importer'
import { NFTStorage } from 'nft.storage'

const nowhere = () => Object.assign(new MemoryBlockstore(), { put: async cid => cid })

async function last (entries) {
  let cid
  for await (const entry of entries) cid = entry.cid
  return cid
}

// the files below a directory, by their paths there
async function * files (folder, path = '') {
  for (const name of (await readdir(join(folder, path))).sort()) {
    const below = join(path, name)
    if ((await lstat(join(folder, below))).isDirectory()) yield * files(folder, below)
    else yield below
  }
}

const streams = blob => ({ stream: () => blob.stream() })

async function collect (folder, make) {
  const made = []
  for await (const path of files(folder)) made.push(await make(path, join(folder, path)))
  return made
}

const tools = {
  async '@helia/unixfs' (path, isFolder) {
    const fs = unixfs({ blockstore: nowhere() })
    return isFolder
      ? last(fs.addAll(globSource(path, '**/*'), { wrapWithDirectory: true }))
      : fs.addByteStream(createReadStream(path))
  },

  async 'ipfs-unixfs-importer' (path, isFolder) {
    const source = isFolder ? globSource(path, '**/*') : [{ path: 'file', content: createReadStream(path) }]
    return last(importer(source, nowhere(), { wrapWithDirectory: isFolder }))
  },

  async '@storacha/upload-client' (path, isFolder) {
    if (!isFolder) return (await encodeFile(await openAsBlob(path))).cid
    const all = await collect(path, async (name, whole) => ({ name, ...streams(await openAsBlob(whole)) }))
    return (await encodeDirectory(all)).cid
  },

  async 'ipfs-car' (path, isFolder) {
    if (!isFolder) return last(createFileEncoderStream(await openAsBlob(path)))
    const all = await collect(path, async (name, whole) => ({ name, ...streams(await openAsBlob(whole)) }))
    return last(createDirectoryEncoderStream(all))
  },

  async 'nft.storage' (path, isFolder) {
    if (!isFolder) return (await NFTStorage.encodeBlob(await openAsBlob(path))).cid
    const all = await collect(path, async (name, whole) => new File([await openAsBlob(whole)], name))
    return (await NFTStorage.encodeDirectory(all)).cid
  },

  // what its `put` does before it uploads: this call of the ipfs-car that it brings
  async 'web3.storage' (path, isFolder) {
    const itself = createRequire(createRequire(import.meta.url).resolve('web3.storage'))
    const { pack } = await import(pathToFileURL(itself.resolve('ipfs-car/pack')).href)
    const input = isFolder
      ? await collect(path, (name, whole) => ({ path: name, content: createReadStream(whole) }))
      : [{ path: basename(path), content: createReadStream(path) }]
    const size = { maxChunkSize: 1048576, maxChildrenPerNode: 1024 }
    return (await pack({ input, wrapWithDirectory: isFolder, ...size })).root
  }
}

const [tool, ...paths] = process.argv.slice(2)
for (const path of paths.map(path => resolve(path))) {
  console.log(`${await tools[tool](path, (await lstat(path)).isDirectory())}`)
}
