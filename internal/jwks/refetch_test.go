package jwks_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate/model"
)

// TestRefetch holds that keys are fetched at once when asked for, whatever is due when, that a
// failure leaves the last good ones, and that a source which failed long ago is asked as well.
func TestRefetch(t *testing.T) {
	i := newIssuer(t, plain)
	good, bad := uri(i.URL+"/good"), uri(i.URL+"/bad")
	i.serve("/good", body(set(keyA)))
	f := run(t, seldom())
	f.Want(requests(good, bad))
	f.await(t, model.Keys{good: set(keyA)})
	i.await(t, "/bad", 1)
	f.log.await(t, "keys cannot be fetched")

	i.serve("/good", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
	i.serve("/bad", body(set(keyB)))
	f.Refetch()
	f.await(t, model.Keys{good: set(keyA), bad: set(keyB)})
	f.log.await(t, "the last good keys stay in use")

	i.serve("/good", body(set(keyB)))
	f.Refetch()
	f.await(t, model.Keys{good: set(keyB), bad: set(keyB)})
}

// TestRefetchWhileFetching holds that a fetch which runs is not given up for another one, that
// one more follows it however often it was asked for, and that this one counts.
func TestRefetchWhileFetching(t *testing.T) {
	i := newIssuer(t, plain)
	source := uri(i.URL + "/keys")
	goOn := make(chan struct{})
	i.serve("/keys", func(w http.ResponseWriter, _ *http.Request) {
		<-goOn
		_, _ = w.Write([]byte(set(keyA)))
	})
	f := run(t, seldom())
	f.Want(requests(source))
	i.await(t, "/keys", 1)
	for range 20 {
		f.Refetch()
	}
	i.serve("/keys", body(set(keyB)))
	close(goOn)
	f.await(t, model.Keys{source: set(keyB)})
	if n := i.drain("/keys"); n != 1 {
		t.Errorf("%d fetches follow, want one", n)
	}
}

// TestRefetchIsBounded holds that all sources at once are not fetched at once.
func TestRefetchIsBounded(t *testing.T) {
	i := newIssuer(t, plain)
	var now, most atomic.Int64
	answer := func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		_, _ = w.Write([]byte(set(keyA)))
	}
	var sources []model.KeySource
	want := model.Keys{}
	for n := range 300 {
		path := fmt.Sprint("/", n)
		i.serve(path, answer)
		sources = append(sources, uri(i.URL+path))
		want[sources[n]] = set(keyA)
	}
	f := run(t, jwks.Options{})
	f.Want(requests(sources...))
	f.await(t, want)
	for range 300 {
		<-i.asked
	}
	f.Refetch()
	for range 300 {
		<-i.asked
	}
	if most.Load() > 64 {
		t.Errorf("%d fetches at one time", most.Load())
	}
}
