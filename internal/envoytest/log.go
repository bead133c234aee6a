package envoytest

import (
	"os"
	"strings"
)

// Log returns what Envoy has logged so far; after Stop, all of it.
func (e *Envoy) Log() string {
	e.logMutex.RLock()
	defer e.logMutex.RUnlock()
	if e.finalLog != "" {
		return e.finalLog
	}
	return e.readLog()
}

// keepLog takes the log into memory before its file is removed.
func (e *Envoy) keepLog() {
	e.logMutex.Lock()
	defer e.logMutex.Unlock()
	e.finalLog = e.readLog()
}

func (e *Envoy) readLog() string {
	b, err := os.ReadFile(e.file("log"))
	if err != nil {
		return "read Envoy's log: " + err.Error()
	}
	return string(b)
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// deprecations returns the lines of a log that speak of something deprecated.
func deprecations(log string) []string {
	var found []string
	for line := range strings.Lines(log) {
		if strings.Contains(strings.ToLower(line), "deprecat") {
			found = append(found, strings.TrimRight(line, "\n"))
		}
	}
	return found
}
