// go-car, for the tests of `tests/interop`. Built by `python3 -m tests.peers.install_go_car`.
module carpeer

go 1.26

require (
	github.com/ipfs/go-unixfsnode v1.10.6
	github.com/ipld/go-car/v2 v2.17.0
)
