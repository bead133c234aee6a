package transport_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/transport"
)

// replace puts a file in place by renaming.
func replace(t testing.TB, name string, content []byte) {
	t.Helper()
	must(t, os.WriteFile(name+".new", content, 0o600))
	must(t, os.Rename(name+".new", name))
}

// rotation is a way of replacing the certificate, the key and the authorities of a plane.
type rotation func(t testing.TB, p *tlsPlane, turn int, own issued, authorities []byte)

func inPlace(t testing.TB, p *tlsPlane, _ int, own issued, authorities []byte) {
	t.Helper()
	must(t, os.WriteFile(p.files.Certificate, own.certificate, 0o600))
	must(t, os.WriteFile(p.files.Key, own.key, 0o600))
	must(t, os.WriteFile(p.files.Authorities, authorities, 0o600))
}

func byRename(t testing.TB, p *tlsPlane, _ int, own issued, authorities []byte) {
	t.Helper()
	replace(t, p.files.Certificate, own.certificate)
	replace(t, p.files.Key, own.key)
	replace(t, p.files.Authorities, authorities)
}

// bySwap replaces the folder that ..data leads to, as Kubernetes does.
func bySwap(t testing.TB, p *tlsPlane, turn int, own issued, authorities []byte) {
	t.Helper()
	dir := filepath.Dir(p.files.Certificate)
	version := filepath.Join(dir, fmt.Sprintf("..%d", turn))
	must(t, os.Mkdir(version, 0o700))
	for name, content := range map[string][]byte{p.files.Certificate: own.certificate, p.files.Key: own.key, p.files.Authorities: authorities} {
		must(t, os.WriteFile(filepath.Join(version, filepath.Base(name)), content, 0o600))
	}
	must(t, os.Symlink(version, filepath.Join(dir, "..new")))
	must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
	for _, name := range []string{p.files.Certificate, p.files.Key, p.files.Authorities} {
		if info, err := os.Lstat(name); err == nil && info.Mode()&os.ModeSymlink == 0 {
			must(t, os.Remove(name))
			must(t, os.Symlink(filepath.Join("..data", filepath.Base(name)), name))
		}
	}
}

// TestARotationDisturbsNoConnection replaces certificate, key and authorities 20 times, in each way in which people do, and
// holds that new connections get the new ones and those that are open go on.
func TestARotationDisturbsNoConnection(t *testing.T) {
	for name, rotate := range map[string]rotation{"in place": inPlace, "by rename": byRename, "by a swap of the folder": bySwap} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startTLSPlane(t)
			client := p.client(t, p.authority.forClient(t, 2))
			open, err := p.dial(t, client)
			must(t, err)
			authorities := p.authority.pem
			for turn := range 20 {
				more := newAuthority(t, fmt.Sprintf("authority %d", turn))
				authorities = append(bytes.Clone(authorities), more.pem...)
				rotate(t, p, turn, p.authority.forServer(t, int64(200+turn)), authorities)
				eventually(t, "the new certificate is shown, and the new authority counts", func() bool {
					c, err := p.dial(t, p.client(t, more.forClient(t, 2)))
					return err == nil && c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == int64(200+turn) && answered(c)
				})
				if !answered(open) {
					t.Fatal("an open connection was closed")
				}
			}
		})
	}
}

// TestWhatCannotBeTakenChangesNothing holds that files which are wrong, or do not fit each other, leave what was in
// force, are logged once with the file, counted, and that good ones count again.
func TestWhatCannotBeTakenChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t testing.TB, p *tlsPlane)
		want  []string
	}{
		"a pair that does not fit": {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Key, p.authority.forServer(t, 3).key) }, []string{"tls.crt", "tls.key", "does not match"}},
		"a certificate of a gateway": {func(t testing.TB, p *tlsPlane) {
			own := p.authority.forClient(t, 3)
			byRename(t, p, 0, own, p.authority.pem)
		}, []string{"tls.crt", "serverAuth"}},
		"no certificate":            {func(t testing.TB, p *tlsPlane) { must(t, os.Remove(p.files.Certificate)) }, []string{"tls.crt", "no such file"}},
		"an empty bundle":           {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Authorities, nil) }, []string{"ca.crt"}},
		"no bundle":                 {func(t testing.TB, p *tlsPlane) { must(t, os.Remove(p.files.Authorities)) }, []string{"ca.crt", "no such file"}},
		"a bundle without an end":   {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Authorities, p.authority.pem[:100]) }, []string{"ca.crt"}},
		"a forged list":             {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Revoked, newAuthority(t, "gateways").revoke(t)) }, []string{"crl.pem", "signature"}},
		"an empty list":             {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Revoked, nil) }, []string{"crl.pem", "empty"}},
		"no serial numbers":         {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Serials, nil) }, []string{"serials", "empty"}},
		"a serial number that none": {func(t testing.TB, p *tlsPlane) { replace(t, p.files.Serials, []byte("no number\n")) }, []string{"serials"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTLSPlane(t)
			must(t, os.WriteFile(p.files.Revoked, p.authority.revoke(t, 7), 0o600))
			p.start(t)
			client, revoked := p.client(t, p.authority.forClient(t, 2)), p.client(t, p.authority.forClient(t, 7))
			c.spoil(t, p)
			failures := func() float64 { return testutil.ToFloat64(transport.FailuresOf(p.tls)) }
			eventually(t, "failures are counted for as long as it is so", func() bool { return failures() > 5 })
			if !p.comes(t, client) || p.comes(t, revoked) {
				t.Error("what was in force is not any more")
			}
			// Files that are exchanged one by one may be met in between, which is another state with an error of its own.
			told := map[string]int{}
			for line := range strings.Lines(p.log.String()) {
				if _, what, is := strings.Cut(line, "level=ERROR"); is {
					told[what]++
				}
			}
			if len(told) == 0 || slices.Max(slices.Collect(maps.Values(told))) != 1 {
				t.Errorf("want each error once:\n%s", p.log)
			}
			for _, part := range c.want {
				if !strings.Contains(p.log.String(), part) {
					t.Errorf("there is no error with %q:\n%s", part, p.log)
				}
			}
			byRename(t, p, 0, p.authority.forServer(t, 300), p.authority.pem)
			replace(t, p.files.Revoked, p.authority.revoke(t, 2))
			replace(t, p.files.Serials, []byte("# none\n"))
			eventually(t, "good files count again", func() bool {
				c, err := p.dial(t, revoked)
				return err == nil && c.ConnectionState().PeerCertificates[0].SerialNumber.Int64() == 300 && answered(c) && !p.comes(t, client)
			})
			if !strings.Contains(p.log.String(), "in force\" files") {
				t.Errorf("the log does not say so:\n%s", p.log)
			}
		})
	}
}

// TestAStartNeedsGoodFiles holds that a start without them is an error that names the file.
func TestAStartNeedsGoodFiles(t *testing.T) {
	p := newTLSPlane(t)
	replace(t, p.files.Authorities, nil)
	if _, err := transport.NewTLS(p.options); err == nil || !strings.Contains(err.Error(), "ca.crt") {
		t.Errorf("an empty bundle gives %v", err)
	}
	must(t, os.Remove(p.files.Key))
	if _, err := transport.NewTLS(p.options); err == nil || !strings.Contains(err.Error(), "tls.key") {
		t.Errorf("no key gives %v", err)
	}
}

// TestARevocationCountsAtOnce holds that a revoked certificate, and one of an authority that was taken out, do not
// connect any more, without a restart.
func TestARevocationCountsAtOnce(t *testing.T) {
	p := startTLSPlane(t)
	client := p.client(t, p.authority.forClient(t, 2))
	if !p.comes(t, client) {
		t.Fatal("it is not answered")
	}
	replace(t, p.files.Revoked, p.authority.revoke(t, 2))
	eventually(t, "the list counts", func() bool { return !p.comes(t, client) })
	replace(t, p.files.Revoked, p.authority.revoke(t))
	eventually(t, "a list without it counts", func() bool { return p.comes(t, client) })
	replace(t, p.files.Serials, []byte("2\n"))
	eventually(t, "the number counts", func() bool { return !p.comes(t, client) })
	other := newAuthority(t, "others")
	replace(t, p.files.Serials, []byte("# none\n"))
	replace(t, p.files.Authorities, append(bytes.Clone(p.authority.pem), other.pem...))
	eventually(t, "the other authority counts", func() bool { return p.comes(t, client) && p.comes(t, p.client(t, other.forClient(t, 2))) })
	replace(t, p.files.Revoked, other.revoke(t))
	replace(t, p.files.Authorities, other.pem)
	eventually(t, "the first does not any more", func() bool { return !p.comes(t, client) && p.comes(t, p.client(t, other.forClient(t, 2))) })
}

// trusting counts how often it is told what to trust.
type trusting struct {
	transport.Judge
	told atomic.Int64
}

func (j *trusting) SetTrust(trust *identity.Trust) {
	j.told.Add(1)
	j.Judge.SetTrust(trust)
}

// TestHalfAFileDoesNotCount holds that what is read once only is not taken: a writer is at it.
func TestHalfAFileDoesNotCount(t *testing.T) {
	p := newTLSPlane(t)
	judge := &trusting{Judge: p.options.Judge}
	p.options.Judge = judge
	other := newAuthority(t, "others")
	var reads atomic.Int64
	p.options.Read = func(name string) ([]byte, error) {
		if name != p.files.Authorities {
			return os.ReadFile(name)
		}
		switch n := reads.Add(1); {
		case n == 1:
			return append(bytes.Clone(p.authority.pem), other.pem...), nil
		case n < 200 && n%2 == 0:
			return p.authority.pem, nil // half of them
		default:
			return append(bytes.Clone(p.authority.pem), other.pem...), nil
		}
	}
	p.start(t)
	eventually(t, "the file was read often", func() bool { return reads.Load() > 210 })
	if got := judge.told.Load(); got != 1 {
		t.Errorf("the judge was told %d times what to trust, want once", got)
	}
	if strings.Contains(p.log.String(), "ERROR") {
		t.Errorf("the log has errors:\n%s", p.log)
	}
}

// TestADiskThatHangsHoldsUpNobody holds that gateways come in while a file is read without an end.
func TestADiskThatHangsHoldsUpNobody(t *testing.T) {
	p := newTLSPlane(t)
	var hangs atomic.Bool
	hung, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	p.options.Read = func(name string) ([]byte, error) {
		if hangs.CompareAndSwap(true, false) {
			close(hung)
			<-release
		}
		return os.ReadFile(name)
	}
	p.start(t)
	hangs.Store(true)
	<-hung
	if client := p.client(t, p.authority.forClient(t, 2)); !p.comes(t, client) {
		t.Error("nobody comes in")
	}
}

const day = 24 * time.Hour

// TestTheEndOfACertificateIsToldOf holds that the log speaks of it from seven days before, once, and the metric always.
func TestTheEndOfACertificateIsToldOf(t *testing.T) {
	for name, c := range map[string]struct {
		lived, left time.Duration
		want        string
	}{
		"in a month":               {60 * day, 30 * day, ""},
		"in eight days":            {60 * day, 8 * day, ""},
		"in six days":              {60 * day, 6 * day, "ends soon"},
		"it has ended":             {60 * day, -40 * time.Minute, "left=-"},
		"of an hour, new":          {time.Minute, 59 * time.Minute, ""},
		"of an hour, nearly ended": {50 * time.Minute, 10 * time.Minute, "ends soon"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTLSPlane(t)
			own := p.authority.issue(t, 5, x509.ExtKeyUsageServerAuth, time.Now().Add(-c.lived), time.Now().Add(c.left))
			byRename(t, p, 0, own, p.authority.pem)
			var reads atomic.Int64
			p.options.Read = func(name string) ([]byte, error) { reads.Add(1); return os.ReadFile(name) }
			p.start(t)
			eventually(t, "it was looked at often", func() bool { return reads.Load() > 50 })
			if got := strings.Count(p.log.String(), "level=WARN"); got != len(c.want)/max(1, len(c.want)) || !strings.Contains(p.log.String(), c.want) {
				t.Errorf("there are %d warnings, want %q:\n%s", got, c.want, p.log)
			}
			families, err := p.registry.Gather()
			must(t, err)
			found := false
			for _, f := range families {
				for _, m := range f.GetMetric() {
					if f.GetName() == "portreeve_xds_certificate_expiry_seconds" && m.GetLabel()[0].GetValue() == p.files.Certificate {
						found = time.Duration(m.GetGauge().GetValue()*float64(time.Second)) > c.left-2*time.Minute && m.GetGauge().GetValue() <= c.left.Seconds()
					}
				}
			}
			if !found {
				t.Error("the metric does not say how long it is good")
			}
		})
	}
}

// TestAListOfNobodyIsToldOf holds that a list of revoked certificates which is of none of the authorities counts, and
// that the log says so: it may be the wrong file.
func TestAListOfNobodyIsToldOf(t *testing.T) {
	p := newTLSPlane(t)
	must(t, os.WriteFile(p.files.Revoked, newAuthority(t, "another").revoke(t, 7), 0o600))
	p.start(t)
	if got := p.log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "of no authority of gateways") || !strings.Contains(got, `first="CN=another"`) {
		t.Errorf("the log says\n%s", got)
	}
}
