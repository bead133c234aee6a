package jwks

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// jitter is how far, up and down, a time is moved by chance, so that the control planes of
// a fleet do not ask at one moment.
const jitter = 0.1

func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*rand.Float64()))
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
	// Bounded twice: the jitter of a huge number must not overflow.
	return min(max(jittered(min(maxAge, o.MaxRefresh)), o.MinRefresh), o.MaxRefresh)
}

// maxAge returns how long an answer may be kept by its Cache-Control, less its Age, and -1
// where that has no max-age. Other directives say nothing of when keys change.
func maxAge(h http.Header) time.Duration {
	for _, directive := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if !strings.EqualFold(name, "max-age") {
			continue
		}
		seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
		if err != nil {
			return -1
		}
		age, _ := strconv.ParseUint(h.Get("Age"), 10, 31) // without one it is 0
		return max(0, time.Duration(seconds)-time.Duration(age)) * time.Second
	}
	return -1
}
