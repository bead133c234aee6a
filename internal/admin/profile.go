package admin

import (
	"fmt"
	"net/http"
	"strconv"
)

// maxProfile is how long a profile may be taken, in seconds.
const maxProfile = 60

// bounded refuses profiles that take long, or a time that cannot be read. What is asked for stands in the address alone: the
// library would take the seconds from a form in the body, too.
func bounded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.NoBody
		r.Header.Del("Content-Type")
		if text := r.URL.Query().Get("seconds"); text != "" {
			// What is no number compares as false.
			if seconds, err := strconv.ParseFloat(text, 64); err != nil || !(seconds > 0 && seconds <= maxProfile) {
				http.Error(w, fmt.Sprintf("want seconds above 0, and %d at most", maxProfile), http.StatusBadRequest)
				return
			}
		}
		next(w, r)
	}
}
