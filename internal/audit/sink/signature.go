package sink

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader is the header of a request of a webhook that proves who sent it.
const SignatureHeader = "Portreeve-Signature"

// sign returns the value of that header: when, and for each key the HMAC-SHA256 of that time, a dot and the body. A receiver takes
// a request when one of them is right, so that keys can be changed one side after the other, and when the time is near, so that
// nobody sends it again later.
func sign(keys [][]byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	parts := []string{"t=" + t}
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(t + "."))
		mac.Write(body)
		parts = append(parts, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(parts, ",")
}
