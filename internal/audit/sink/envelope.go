package sink

import (
	"encoding/json"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// envelope is what other protocols have fields for, as a line says it. It is read from the line, since after a restart there is
// nothing else.
type envelope struct {
	Type      string    `json:"type"`
	Subject   string    `json:"subject"`
	Source    string    `json:"source"`
	Sequence  string    `json:"sequence"`
	Time      time.Time `json:"time"`
	ChainHash string    `json:"chainhash"`
	Data      struct {
		Severity int `json:"severity_id"`
		Unmapped struct {
			Portreeve struct {
				Outcome string `json:"outcome"`
			} `json:"portreeve"`
		} `json:"unmapped"`
	} `json:"data"`
}

// The severities of OCSF that matter here. What a line does not say is information.
const (
	informational = 1
	low           = 2
	medium        = 3
	high          = 4
	critical      = 5
)

func read(line audit.Line) envelope {
	var e envelope
	// What is not as expected is delivered all the same: the body is the whole line.
	_ = json.Unmarshal(line.Bytes, &e)
	return e
}

// outcome says how it went.
func (e envelope) outcome() string { return e.Data.Unmapped.Portreeve.Outcome }
