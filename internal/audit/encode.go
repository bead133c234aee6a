package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Genesis is the chainprev of the first line of a record.
const Genesis = "0000000000000000000000000000000000000000000000000000000000000000"

// hashKey is what stands between what is hashed and the hash.
const hashKey = `,"chainhash":"`

// hashedEnd is how long the end of a line is that is not hashed.
const hashedEnd = len(hashKey) + 2*sha256.Size + len(`"}`)

// envelope is a CloudEvent in the structured mode, without its chainhash.
type envelope struct {
	SpecVersion     string  `json:"specversion"`
	ID              string  `json:"id"`
	Source          string  `json:"source"`
	Type            string  `json:"type"`
	Subject         string  `json:"subject,omitempty"`
	Time            string  `json:"time"`
	DataContentType string  `json:"datacontenttype"`
	Sequence        string  `json:"sequence"`
	ChainPrev       string  `json:"chainprev"`
	Data            payload `json:"data"`
}

// encoder gives events their numbers and makes them lines, each chained to the one before.
type encoder struct {
	source  string
	run     string
	product product
	place   Place
	buffer  bytes.Buffer
}

// newEncoder goes on at a place. run tells the events of this process from those of others.
func newEncoder(o Options, run string, place Place) *encoder {
	return &encoder{
		source:  "/portreeve/" + url.PathEscape(o.Instance),
		run:     run,
		product: product{Name: "Portreeve", VendorName: "Portreeve", Version: o.Version},
		place:   place,
	}
}

// line makes the next line. An event that is longer than a line may be names less of what it is about; without all that it
// fits, by the bounds of the rest.
func (r *encoder) line(i item) Line {
	text := r.encode(i)
	for len(text)+hashedEnd > MaxLine {
		e := &i.event
		e.Objects, e.Actors, e.Namespaces = e.Objects[:len(e.Objects)/2], e.Actors[:len(e.Actors)/2], e.Namespaces[:len(e.Namespaces)/2]
		text = r.encode(i)
	}
	sum := sha256.Sum256(text)
	hash := hex.EncodeToString(sum[:])
	whole := make([]byte, 0, len(text)+hashedEnd)
	whole = append(append(append(append(whole, text...), hashKey...), hash...), `"}`...)
	r.place = Place{r.place.Seq + 1, hash}
	return Line{Seq: r.place.Seq, Bytes: whole, Hash: hash, Event: i.event}
}

// encode returns the line up to its hash. It is valid until the next call.
func (r *encoder) encode(i item) []byte {
	seq := r.place.Seq + 1
	data := r.about(i)
	id := fmt.Sprintf("%s-%d", r.run, seq)
	data.Metadata = metadata{ocsfVersion, r.product, id, seq}
	r.buffer.Reset()
	to := json.NewEncoder(&r.buffer)
	to.SetEscapeHTML(false)
	// Everything in it is a string, a number or JSON that was made before: it cannot fail.
	_ = to.Encode(envelope{
		SpecVersion: "1.0", ID: id, Source: r.source, Type: TypePrefix + string(i.event.Type), Subject: i.event.Subject,
		Time: stamp(i.event.Time), DataContentType: "application/json",
		Sequence: fmt.Sprintf("%020d", seq), ChainPrev: r.place.Hash, Data: data,
	})
	return bytes.TrimSuffix(r.buffer.Bytes(), []byte("}\n"))
}

// Hashed takes a line apart: the hash that it says to have, and the one that it has. It is false for what is no line.
func Hashed(line []byte) (said, is string, ok bool) {
	start := len(line) - hashedEnd
	if start < 1 || !bytes.HasPrefix(line[start:], []byte(hashKey)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return "", "", false
	}
	said = string(line[start+len(hashKey) : len(line)-2])
	sum := sha256.Sum256(line[:start])
	is = hex.EncodeToString(sum[:])
	return said, is, strings.Trim(said, "0123456789abcdef") == ""
}
