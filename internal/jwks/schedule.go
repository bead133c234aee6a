package jwks

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

// jitter is how far, up and down, a time is moved by chance, so that the control planes of
// a fleet do not ask at one moment.
const jitter = 0.1

func jittered(d time.Duration) time.Duration {
	return between(scaled(d, 1-jitter), scaled(d, 1+jitter))
}

func scaled(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// between returns a time by chance.
func between(least, most time.Duration) time.Duration {
	return least + scaled(most-least, rand.Float64())
}

// firstFetchTimeout is how long policy waits for the first attempt at a source that it names newly:
// for as long as that may take, and a little so that the attempt itself says why it failed.
func (o Options) firstFetchTimeout(r model.KeyRequest) time.Duration {
	const margin = 250 * time.Millisecond
	exchange := r.Timeout
	if exchange <= 0 {
		exchange = o.Timeout
	}
	exchange = min(exchange, maxFirstFetchTimeout)
	if r.URI == "" {
		exchange *= 2 // the discovery document, then the keys
	}
	return min(exchange+margin, maxFirstFetchTimeout)
}

// backoff returns the wait after a failure that so many came before.
func backoff(before int, first, most time.Duration) time.Duration {
	d := first
	for ; before > 0 && d < most; before-- {
		d *= 2
	}
	return jittered(min(d, most))
}

// refresh returns the time until the next fetch, from what the issuer says; below 0 is
// that it says nothing.
func (o Options) refresh(maxAge time.Duration) time.Duration {
	if maxAge < 0 {
		return jittered(o.Refresh)
	}
	d := min(max(maxAge, o.MinRefresh), o.MaxRefresh)
	// By chance as well, but not beyond the bounds.
	return between(max(scaled(d, 1-jitter), o.MinRefresh), min(scaled(d, 1+jitter), o.MaxRefresh))
}

// maxAge returns how long an answer may be kept by its Cache-Control, less its Age, and -1
// where that has no max-age. Other directives say nothing of when keys change.
func maxAge(h http.Header) time.Duration {
	for _, directive := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		said, ok := readSeconds(strings.Trim(value, `"`))
		if !ok {
			return -1
		}
		age, _ := readSeconds(h.Get("Age")) // without one it is 0
		return max(0, said-age)
	}
	return -1
}

// readSeconds reads a number of seconds. One that is too large is as large as there can be.
func readSeconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return time.Duration(min(n, math.MaxInt32)) * time.Second, true
}
