package transport_test

import (
	"net"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/transport"
)

// TestAnAddressIsAHostOrASocket holds what --xds-address may be, and that anything else is told what would be.
func TestAnAddressIsAHostOrASocket(t *testing.T) {
	longest := "/" + strings.Repeat("a", 106)
	for text, want := range map[string]string{
		"127.0.0.1:18000": "", "[::1]:18000": "", "localhost:0": "", ":18000": "", "plane.example:18000": "", "unix:///run/portreeve/xds.sock": "", "unix://" + longest: "",
		"": "missing port", "127.0.0.1": "want HOST:PORT, or unix:///PATH", "::1:18000": "want HOST:PORT",
		"unix:/run/xds.sock": "want HOST:PORT, or unix:///PATH", "unix:xds.sock": "unix:///PATH", "/run/xds.sock": "unix:///PATH", "@xds": "unix:///PATH",
		"unix://run/xds.sock": "three slashes", "unix://": "three slashes", "unix://@xds": "abstract", "unix:@xds": "unix:///PATH", "unix:///run/x\x00y": "abstract", "unix:///run/": "folder",
		"unix:///" + strings.Repeat("a", 99) + "/b": "folder has 100 bytes, want at most 99", "unix:///" + strings.Repeat("a", 98) + "/bcdefg": "",
		"unix://" + longest + "a": "has 108 bytes, and the system takes at most 107",
	} {
		a, err := transport.ParseAddress(text)
		if want == "" && (err != nil || a.String() != text || a.Unix() != strings.HasPrefix(text, "unix:")) {
			t.Errorf("%q is %v, %v", text, a, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

// TestTheAddressThatIsListenedOnCounts holds what stays within this machine, and that what is not known does not.
func TestTheAddressThatIsListenedOnCounts(t *testing.T) {
	for text, want := range map[string]identity.Transport{
		"127.0.0.1:0": identity.Loopback, "127.1.2.3:0": identity.Loopback, "[::1]:0": identity.Loopback, "[::ffff:127.0.0.1]:0": identity.Loopback, "localhost:0": identity.Loopback,
	} {
		a, err := transport.ParseAddress(text)
		must(t, err)
		l, err := transport.Listen(t.Context(), a, transport.Rights{})
		if err != nil && strings.HasPrefix(text, "[::1]") {
			continue // this machine has no IPv6
		}
		must(t, err)
		if got := transport.Of(l.Addr()); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
		must(t, l.Close())
	}
	for text, want := range map[string]identity.Transport{
		"0.0.0.0:1": identity.Plain, "[::]:1": identity.Plain, "10.1.2.3:1": identity.Plain, "[fd00::1]:1": identity.Plain, "[::ffff:10.0.0.1]:1": identity.Plain, "[::ffff:127.0.0.1]:1": identity.Loopback,
	} {
		at, err := net.ResolveTCPAddr("tcp", text)
		must(t, err)
		if got := transport.Of(at); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	if got := transport.Of(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); got != identity.Plain {
		t.Errorf("what is not known is %s", got)
	}
}
