// The Kubo that every expected value comes from. Built by `python3 -m tests.peers.install_kubo`.
module peer

go 1.26

require github.com/ipfs/kubo v0.42.0
