package jwks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/resource"
)

// pageKind says how a page is read.
type pageKind uint8

const (
	keyPage pageKind = iota
	discoveryPage
)

type pageKey struct {
	kind pageKind
	url  string
}

// page is what was last read at an address. Sources that come to the same address share it.
type page struct {
	// turn is held by whoever fetches, reads or writes the page.
	turn chan struct{}
	// pass is the pass of the attempt that fetched it last.
	pass            uint64
	fetchedAt, next time.Time
	content
}

// content is what a page says, and what makes the next request for it conditional.
type content struct {
	validators
	// Set is the key set, canonical; of a discovery page the address of the keys.
	Set string `json:"keys"`
	// Issuer is how a discovery document spells its issuer, where it says so.
	Issuer string `json:"-"`
	// Dropped says which published keys are not used, or are shorter than is advised.
	Dropped []string `json:"dropped,omitempty"`
}

// page returns the page of an address, which may be empty. The caller holds f.mu, or is New.
func (f *Fetcher) page(key pageKey) *page {
	p, ok := f.pages[key]
	if !ok {
		p = &page{turn: make(chan struct{}, 1)}
		f.pages[key] = p
	}
	return p
}

// fetch makes an attempt.
func (f *Fetcher) fetch(ctx context.Context, a attempt) result {
	uri, issuer := a.URI, ""
	if uri == "" {
		discovered, err := f.read(ctx, a, pageKey{discoveryPage, discoveryURL(a.Issuer)}, func(body []byte) (content, error) {
			return readDiscovery(a.Issuer, body)
		})
		if err != nil {
			return result{err: fmt.Errorf("discover the address of the keys: %w", err)}
		}
		uri, issuer = discovered.Set, discovered.Issuer
	}
	p, err := f.read(ctx, a, pageKey{keyPage, uri}, readKeys)
	if err != nil {
		return result{uri: uri, issuer: issuer, err: err}
	}
	return result{uri: uri, issuer: issuer, keys: keySet{p.content, uri, p.fetchedAt}, next: p.next}
}

// read returns a page as it is now. Nothing replaces what is known of the page before it
// was read without an error. What another source has fetched in the same round is taken.
func (f *Fetcher) read(ctx context.Context, a attempt, key pageKey, parse func([]byte) (content, error)) (page, error) {
	f.mu.Lock()
	p := f.page(key)
	f.mu.Unlock()
	timeout := a.timeout
	if timeout <= 0 {
		timeout = f.options.Timeout
	}
	if err := p.take(ctx, timeout); err != nil {
		return page{}, err
	}
	defer func() { <-p.turn }()
	if p.Set != "" && p.pass >= a.pass {
		return *p, nil
	}
	got, err := f.ask(ctx, key, p.validators, timeout)
	if err != nil {
		return page{}, err
	}
	if !got.unchanged {
		c, err := parse(got.body)
		if err != nil {
			return page{}, fmt.Errorf("the answer is no use: %w", err)
		}
		c.validators = got.validators
		p.content = c
	}
	p.pass, p.fetchedAt = a.pass, f.options.Now()
	p.next = p.fetchedAt.Add(f.options.refresh(got.maxAge))
	return *p, nil
}

// take waits for the turn, for as long as a fetch may take: that of another source whose
// rules let it take longer is not waited for.
func (p *page) take(ctx context.Context, timeout time.Duration) error {
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-limit.C:
		return fmt.Errorf("no whole answer within %v to another fetch of the same address", timeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Fetcher) ask(ctx context.Context, key pageKey, known validators, timeout time.Duration) (answer, error) {
	release, err := f.slot(ctx)
	if err != nil {
		return answer{}, err
	}
	defer release()
	got, err := f.client.get(ctx, key.url, known, timeout)
	if ctx.Err() == nil {
		f.count(got, err)
	}
	return got, err
}

func readKeys(body []byte) (content, error) {
	set, dropped, err := resource.UsableKeys(body)
	return content{Set: set, Dropped: slices.Clip(dropped)}, err
}

// discoveryURL returns the address of an issuer's OpenID discovery document.
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// readDiscovery reads a discovery document. One that speaks of another issuer is refused:
// whoever answers here must not hand out somebody else's keys. A slash at the end makes no
// difference for that; for tokens it does, which is told (source.misspelt).
func readDiscovery(issuer string, body []byte) (content, error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal(body, &document); err != nil {
		return content{}, errors.New("it is not a JSON object")
	}
	var named string
	if raw, ok := document["issuer"]; ok {
		if err := json.Unmarshal(raw, &named); err != nil || strings.TrimSuffix(named, "/") != strings.TrimSuffix(issuer, "/") {
			return content{}, fmt.Errorf("it is of the issuer %s", redacted(named))
		}
	}
	var uri string
	if err := json.Unmarshal(document["jwks_uri"], &uri); err != nil || uri == "" {
		return content{}, errors.New(`it has no "jwks_uri"`)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return content{}, errors.New(`its "jwks_uri" is not an address`)
	}
	if err := webAddress(u); err != nil {
		return content{}, fmt.Errorf(`its "jwks_uri": %w`, err)
	}
	return content{Set: uri, Issuer: named}, nil
}
