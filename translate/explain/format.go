package explain

import (
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// missingText stands for what is not there, in a format that does not omit it.
const missingText = "-"

// format is a part of a format string: what it makes of a request.
type format func(*traffic.Stream) traffic.Text

// formats reads a format string of Envoy's: texts, and commands between two %. Only the commands that the filters of
// policy use are understood.
func formats(written, missing string) ([]format, error) {
	var out []format
	for i, part := range strings.Split(written, "%") {
		if i%2 == 0 {
			out = append(out, func(*traffic.Stream) traffic.Text { return traffic.Text{Value: part} })
			continue
		}
		command, ok := commandOf(part)
		if !ok {
			return nil, fmt.Errorf("format %.200q is not understood", written)
		}
		out = append(out, func(s *traffic.Stream) traffic.Text {
			text, there := command(s)
			if !there && !text.Unknown {
				text.Value = missing
			}
			return text
		})
	}
	if len(out)%2 == 0 {
		return nil, fmt.Errorf("format %.200q has no end", written)
	}
	return out, nil
}

// command looks something up. It is false where there is nothing.
type command func(*traffic.Stream) (traffic.Text, bool)

// commandOf reads a command. The path without its query is that of `:path` alone: `PATH(NQ)` would take the client's
// word for another one, in x-envoy-original-path.
func commandOf(text string) (command, bool) {
	if text == "PATH(NQ:PATH)" {
		return pathOnly, true
	}
	if name, ok := argument(text, "REQ("); ok && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-:0123456789") == "" {
		return firstLine(strings.ToLower(name)), true
	}
	if place, ok := argument(text, "DYNAMIC_METADATA("); ok {
		keys := strings.Split(place, ":")
		return metadataText(keys[0], keys[1:]), len(keys) > 1
	}
	return nil, false
}

func argument(text, begin string) (string, bool) {
	rest, ok := strings.CutPrefix(text, begin)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, ")")
}

// pathOnly is the path up to its query. Unlike the matchers of paths it keeps a fragment, which no request gets this
// far with.
func pathOnly(s *traffic.Stream) (traffic.Text, bool) {
	path, _ := s.Headers.First(":path")
	path, _, _ = strings.Cut(path, "?")
	return traffic.Text{Value: path}, path != ""
}

// firstLine is the first line of a header.
func firstLine(name string) command {
	return func(s *traffic.Stream) (traffic.Text, bool) {
		value, there := s.Headers.First(name)
		unknown := !there && s.Headers.Unsaid(name) || name == ":path" && s.QueryUnknown
		return traffic.Text{Value: value, Unknown: unknown}, there
	}
}

// metadataText is a value of dynamic metadata where it is a text. How Envoy writes others is left open: what looks one
// up asks for a text besides, and that decides.
func metadataText(namespace string, path []string) command {
	return func(s *traffic.Stream) (traffic.Text, bool) {
		value, there := matchers.MetadataAt(s, namespace, path)
		text, ok := value.(string)
		return traffic.Text{Value: text, Unknown: there && !ok && value != nil}, there && ok
	}
}
