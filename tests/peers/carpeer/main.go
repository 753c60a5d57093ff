// What go-car and go-unixfsnode make of CARs, as commands. For tests only.
//
//	carpeer version                        which go-car this is
//	carpeer roots FILE                     the roots, one a line
//	carpeer ls FILE                        "CID<TAB>SIZE" of each section, nothing hashed
//	carpeer verify FILE                    the same, each block hashed
//	carpeer accept FILE...                 "SECTIONS<TAB>ERROR" of each, as verify; "<nil>" for no error
//	carpeer inspect FILE                   what Inspect says, as JSON, each block hashed
//	carpeer records FILE                   "MULTIHASH<TAB>OFFSET" of the index: of a CARv2, or a file of its own
//	carpeer get-block FILE CID             the bytes, found by the index of a CARv2
//	carpeer cat FILE CID                   the bytes of a UnixFS file
//	carpeer extract FILE FOLDER            the UnixFS tree below the first root, at FOLDER
//	carpeer create VERSION OUT PATH        a UnixFS tree as a CAR; prints the root
//	carpeer pack VERSION OUT [ROOT...]     blocks as a CAR: standard input has lines of "CID HEX"
//	carpeer index CODEC FILE OUT           a CARv1 as a CARv2 with an index
//	carpeer unwrap FILE OUT                a CARv2 as the CARv1 in it
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-unixfsnode"
	"github.com/ipfs/go-unixfsnode/data"
	"github.com/ipfs/go-unixfsnode/data/builder"
	"github.com/ipld/go-car/v2"
	"github.com/ipld/go-car/v2/blockstore"
	"github.com/ipld/go-car/v2/index"
	"github.com/ipld/go-car/v2/storage"
	dagpb "github.com/ipld/go-codec-dagpb"
	"github.com/ipld/go-ipld-prime"
	_ "github.com/ipld/go-ipld-prime/codec/raw" // or no raw leaf is decoded
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multicodec"
	"github.com/multiformats/go-multihash"
)

var background = context.Background()

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "carpeer:", err)
		os.Exit(1)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/ipld/go-car/v2" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "unknown"
}

func roots(path string) []cid.Cid {
	reader := must(car.OpenReader(path))
	defer reader.Close()
	return must(reader.Roots())
}

// Every section of a CAR, in order.
func sections(path string, trusted bool, each func(id cid.Cid, size int)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	blocks, err := car.NewBlockReader(bufio.NewReaderSize(file, 1<<20), car.WithTrustedCAR(trusted))
	if err != nil {
		return err
	}
	for {
		block, err := blocks.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		each(block.Cid(), len(block.RawData()))
	}
}

func list(path string, trusted bool) {
	out := bufio.NewWriter(os.Stdout)
	err := sections(path, trusted, func(id cid.Cid, size int) { fmt.Fprintf(out, "%s\t%d\n", id, size) })
	check(out.Flush())
	check(err)
}

func accept(paths []string) {
	for _, path := range paths {
		count := 0
		err := sections(path, false, func(cid.Cid, int) { count++ })
		fmt.Printf("%d\t%v\n", count, err)
	}
}

func inspect(path string) {
	reader := must(car.OpenReader(path))
	defer reader.Close()
	stats := must(reader.Inspect(true))
	codecs := map[string]uint64{}
	for code, count := range stats.CodecCounts {
		codecs[code.String()] = count
	}
	hashes := map[string]uint64{}
	for code, count := range stats.MhTypeCounts {
		hashes[code.String()] = count
	}
	out := map[string]any{
		"version": stats.Version, "blocks": stats.BlockCount, "roots_present": stats.RootsPresent,
		"codecs": codecs, "hashes": hashes, "max_block": stats.MaxBlockLength,
		"fully_indexed": stats.Header.Characteristics.IsFullyIndexed(),
	}
	check(json.NewEncoder(os.Stdout).Encode(out))
}

func records(path string) {
	source := io.Reader(must(os.Open(path)))
	if reader, err := car.OpenReader(path); err == nil {
		source = must(reader.IndexReader())
		if source == nil {
			check(errors.New("no index"))
		}
	}
	found := must(index.ReadFrom(bufio.NewReader(source)))
	iterable, ok := found.(index.IterableIndex)
	if !ok {
		check(errors.New("an index that cannot be listed"))
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	check(iterable.ForEach(func(hash multihash.Multihash, offset uint64) error {
		_, err := fmt.Fprintf(out, "%x\t%d\n", []byte(hash), offset)
		return err
	}))
}

// A link system hashes what it loads.
func open(path string) *ipld.LinkSystem {
	store := must(blockstore.OpenReadOnly(path, blockstore.UseWholeCIDs(true)))
	links := cidlink.DefaultLinkSystem()
	links.StorageReadOpener = func(here ipld.LinkContext, link ipld.Link) (io.Reader, error) {
		block, err := store.Get(here.Ctx, link.(cidlink.Link).Cid)
		if err != nil {
			return nil, err
		}
		return bytes.NewReader(block.RawData()), nil
	}
	return &links
}

func getBlock(path, text string) {
	store := must(blockstore.OpenReadOnly(path, blockstore.UseWholeCIDs(true)))
	block := must(store.Get(background, must(cid.Decode(text))))
	must(os.Stdout.Write(block.RawData()))
}

// The node of a CID as UnixFS sees it, and as dag-pb; the latter is nil for a raw block.
func load(links *ipld.LinkSystem, id cid.Cid) (ipld.Node, dagpb.PBNode) {
	here := ipld.LinkContext{Ctx: background}
	if id.Prefix().Codec == cid.Raw {
		return must(links.Load(here, cidlink.Link{Cid: id}, basicnode.Prototype.Bytes)), nil
	}
	node := must(links.Load(here, cidlink.Link{Cid: id}, dagpb.Type.PBNode))
	return must(unixfsnode.Reify(here, node, links)), node.(dagpb.PBNode)
}

func write(node ipld.Node, out io.Writer) {
	if large, ok := node.(datamodel.LargeBytesNode); ok {
		content := must(large.AsLargeBytes())
		must(io.Copy(out, content))
		return
	}
	must(out.Write(must(node.AsBytes())))
}

func extract(links *ipld.LinkSystem, id cid.Cid, path string) {
	node, block := load(links, id)
	kind := int64(data.Data_File)
	var message data.UnixFSData
	if block != nil {
		message = must(data.DecodeUnixFSData(block.FieldData().Must().Bytes()))
		kind = message.FieldDataType().Int()
	}
	switch kind {
	case data.Data_Directory, data.Data_HAMTShard:
		check(os.Mkdir(path, 0o755))
		for entries := node.MapIterator(); !entries.Done(); {
			name, value, err := entries.Next()
			check(err)
			link := must(value.AsLink()).(cidlink.Link)
			extract(links, link.Cid, filepath.Join(path, must(name.AsString())))
		}
	case data.Data_Symlink:
		check(os.Symlink(string(message.FieldData().Must().Bytes()), path))
	default:
		file := must(os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644))
		write(node, file)
		check(file.Close())
	}
}

func form(version string) car.Option {
	return car.WriteAsCarV1(version == "1")
}

// As the command `car create` does it: a placeholder of the same length stands for the root until that is known.
func create(version, out, path string) {
	hash := must(multihash.Sum(nil, multihash.SHA2_256, -1))
	placeholder := cid.NewCidV1(uint64(multicodec.DagPb), hash)
	file := must(os.Create(out))
	store := must(storage.NewReadableWritable(file, []cid.Cid{placeholder}, form(version)))
	links := cidlink.DefaultLinkSystem()
	links.TrustedStorage = true
	links.SetReadStorage(store)
	links.SetWriteStorage(store)
	root, _, err := builder.BuildUnixFSRecursive(path, &links)
	check(err)
	check(store.Finalize())
	check(file.Close())
	check(car.ReplaceRootsInFile(out, []cid.Cid{root.(cidlink.Link).Cid}))
	fmt.Println(root)
}

func pack(version, out string, texts []string) {
	ids := []cid.Cid{}
	for _, text := range texts {
		ids = append(ids, must(cid.Decode(text)))
	}
	file := must(os.Create(out))
	store := must(storage.NewReadableWritable(file, ids, form(version),
		car.StoreIdentityCIDs(true), car.UseWholeCIDs(true)))
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		check(err)
		text, block, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		check(store.Put(background, must(cid.Decode(text)).KeyString(), must(hex.DecodeString(block))))
	}
	check(store.Finalize())
	check(file.Close())
}

func wrap(codec, path, out string) {
	var code multicodec.Code
	check(code.Set(codec))
	source, target := must(os.Open(path)), must(os.Create(out))
	check(car.WrapV1(source, target, car.UseIndexCodec(code)))
	check(target.Close())
}

func main() {
	words := os.Args[1:]
	switch words[0] {
	case "version":
		fmt.Println(version())
	case "roots":
		for _, root := range roots(words[1]) {
			fmt.Println(root)
		}
	case "ls":
		list(words[1], true)
	case "verify":
		list(words[1], false)
	case "accept":
		accept(words[1:])
	case "inspect":
		inspect(words[1])
	case "records":
		records(words[1])
	case "get-block":
		getBlock(words[1], words[2])
	case "cat":
		out := bufio.NewWriterSize(os.Stdout, 1<<20)
		node, _ := load(open(words[1]), must(cid.Decode(words[2])))
		write(node, out)
		check(out.Flush())
	case "extract":
		extract(open(words[1]), roots(words[1])[0], words[2])
	case "create":
		create(words[1], words[2], words[3])
	case "pack":
		pack(words[1], words[2], words[3:])
	case "index":
		wrap(words[1], words[2], words[3])
	case "unwrap":
		check(car.ExtractV1File(words[1], words[2]))
	default:
		check(fmt.Errorf("no command %q", words[0]))
	}
}
