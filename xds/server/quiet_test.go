package server

import (
	"net"
	"net/netip"
	"testing"
)

// TestAQuietPeerHasRoomForItsNames holds that who exhausts the sum keeps no gateway of another
// address out, and that what is given back is there again.
func TestAQuietPeerHasRoomForItsNames(t *testing.T) {
	u := unserved{peers: map[netip.Addr]int{}}
	peer := func(i byte) netip.Addr { return peerOf(&net.TCPAddr{IP: net.IPv4(192, 0, 2, i), Port: 1}) }
	if u.change(peer(0), maxUnservedPeer+1) || len(u.peers) != 0 {
		t.Error("one has more than its own bound")
	}
	for i := range byte(2) {
		if !u.change(peer(i), maxUnservedPeer) {
			t.Fatalf("peer %d has not its own", i)
		}
	}
	if u.change(peer(2), maxUnservedPeer) {
		t.Error("there is no sum")
	}
	if !u.change(peer(3), maxUnserved-2*maxUnservedPeer) || !u.change(peer(2), quietUnserved) || u.change(peer(2), 1) {
		t.Error("a quiet peer has not what is its own")
	}
	for p, n := range map[netip.Addr]int{peer(0): maxUnservedPeer, peer(1): maxUnservedPeer, peer(2): quietUnserved, peer(3): maxUnserved - 2*maxUnservedPeer} {
		u.change(p, -n)
	}
	if u.all != 0 || len(u.peers) != 0 {
		t.Errorf("%d bytes of %d peers are held by nobody", u.all, len(u.peers))
	}
}
