package differential

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// laboratory runs trials on real Envoys.
type laboratory struct {
	testing.TB
	folder              string
	backend, authorizer int
	keys                *keys
	certificates        *certificates
	batches             int
	// network is that of the gateways, which no other process has: two Envoys at one address would share it.
	network int
	// older says that the Envoy is a 1.39.
	older bool
}

func newLaboratory(t testing.TB) *laboratory {
	return &laboratory{TB: t, older: strings.HasPrefix(envoytest.Release(t), "1.39."), folder: t.TempDir(), keys: newKeys(t), certificates: newCertificates(t), network: holdNetwork(t), backend: startServer(t, echo), authorizer: startServer(t, authorize)}
}

// holdNetwork returns a network of addresses of this host, by its second byte, that is held until the test ends.
func holdNetwork(t testing.TB) int {
	t.Helper()
	for n := 80; n < 240; n++ {
		held, err := net.Listen("tcp", fmt.Sprintf("127.%d.255.254:8079", n))
		if err == nil {
			t.Cleanup(func() { _ = held.Close() })
			return n
		}
	}
	t.Fatal("no network is free")
	return 0
}

// log is the access log of the next batch.
func (l *laboratory) log() string {
	return filepath.Join(l.folder, fmt.Sprintf("access-%d.log", l.batches))
}

// ask has one Envoy answer all requests of the trials, which are prepared.
func (l *laboratory) ask(trials []*trial) {
	l.Helper()
	log := l.log()
	l.batches++
	e := l.start(trials)
	defer e.Stop()
	var groups []*group
	for _, t := range trials {
		groups = append(groups, t.groups()...)
	}
	l.send(groups)
	read, err := readLog(l.Context(), log, func(read accessLog) string {
		read.keepAnswers()
		return untold(groups, read)
	})
	if err != nil {
		l.Fatalf("%v\n%s", err, tail(e.Log()))
	}
	for _, g := range groups {
		if err := g.assign(read); err != nil {
			l.Fatal(err)
		}
	}
	_ = os.Remove(log)
}

func tail(log string) string { return log[max(0, len(log)-2000):] }

func (l *laboratory) start(trials []*trial) *envoytest.Envoy {
	var all envoy.Resources
	for _, t := range trials {
		all.Listeners = append(all.Listeners, t.served.Listeners...)
		all.Clusters = append(all.Clusters, t.served.Clusters...)
		all.Secrets = append(all.Secrets, t.served.Secrets...)
	}
	whole, err := bootstrap.Static(bootstrap.Options{Name: "gateway", AdminAddress: "127.0.0.1:0"}, all)
	must(l, err)
	content, err := proto.Marshal(whole)
	must(l, err)
	e, err := envoytest.Start(l.Context(), envoytest.Options{Bootstrap: content, Extension: ".pb", LogLevel: "error", Concurrency: 1, Args: []string{"--file-flush-interval-msec", "50"}})
	must(l, err)
	return e
}

// send has several connections at work at once.
func (l *laboratory) send(groups []*group) {
	next := make(chan *group)
	var working sync.WaitGroup
	var once sync.Once
	var fault error
	for range 4 * runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for g := range next {
				if err := g.ask(l.Context()); err != nil {
					once.Do(func() { fault = err })
				}
			}
		})
	}
	for _, g := range groups {
		next <- g
	}
	close(next)
	working.Wait()
	must(l, fault)
}

// logFormat is a line of the access log: whose it is, and what became of it.
const logFormat = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%\t%REQ(X-CASE)%\t%RESPONSE_CODE%\t%RESPONSE_CODE_DETAILS%\t%RESPONSE_FLAGS%\t%ROUTE_NAME%\t%UPSTREAM_CLUSTER_RAW%"

// readLog reads the log until nothing is missing in it.
func readLog(ctx context.Context, path string, missing func(accessLog) string) (accessLog, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the access log: %w", err)
		}
		read := byConnection(string(content))
		lacks := missing(read)
		if lacks == "" {
			return read, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the access log lacks lines: %s (%w)", lacks, ctx.Err())
		case <-ticker.C:
		}
	}
}

// accessLog are the lines of the log by their connection. A system gives the ports of a connection to a later one.
type accessLog map[string][][]string

// take takes the line of a request out of the log.
func (l accessLog) take(connection, request string) []string {
	lines := l[connection]
	i := slices.IndexFunc(lines, func(line []string) bool { return line[0] == request })
	if i < 0 {
		i = slices.IndexFunc(lines, func(line []string) bool { return line[0] == "-" })
	}
	if i < 0 {
		return nil
	}
	out := lines[i]
	l[connection] = slices.Delete(lines, i, i+1)
	return out
}

func byConnection(content string) accessLog {
	out := accessLog{}
	for line := range strings.Lines(content) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			continue
		}
		parts := strings.Split(line, "\t")
		if len(parts) == 7 {
			out[parts[0]] = append(out[parts[0]], parts[1:])
		}
	}
	return out
}

// keepAnswers leaves out what got no answer: of HTTP/1.1 those are connections that nobody takes.
func (l accessLog) keepAnswers() {
	for name, lines := range l {
		l[name] = slices.DeleteFunc(lines, func(line []string) bool { return line[1] == "0" })
	}
}

// dial opens a connection from an address of this host to a gateway.
func dial(ctx context.Context, from, to string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	return dialer.DialContext(ctx, "tcp", to)
}
