package matchers_test

import (
	"testing"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/translate/explain/matchers"
)

func TestStrings(t *testing.T) {
	for name, c := range map[string]struct {
		matcher    string
		yes, other []string
	}{
		"exact":                      {`{"exact":"a/B"}`, []string{"a/B"}, []string{"", "a/b", "a/B ", "xa/B"}},
		"exact, empty":               {`{"exact":""}`, []string{""}, []string{" "}},
		"exact, any case":            {`{"exact":"a/B","ignoreCase":true}`, []string{"a/B", "A/b"}, []string{"a/B/", "K"}},
		"case is that of ASCII":      {`{"exact":"K\u00e9","ignoreCase":true}`, []string{"k\u00e9", "K\u00e9"}, []string{"k\u00c9", "\u212a\u00e9"}},
		"prefix":                     {`{"prefix":"a/"}`, []string{"a/", "a/b"}, []string{"", "a", "A/", "ba/"}},
		"prefix, any case":           {`{"prefix":"a/","ignoreCase":true}`, []string{"A/", "a/b"}, []string{"", "a", "xA/"}},
		"suffix":                     {`{"suffix":".php"}`, []string{".php", "a.php"}, []string{"", "php", "a.PHP", "a.php5"}},
		"suffix, any case":           {`{"suffix":".php","ignoreCase":true}`, []string{"a.PHP"}, []string{"php", "a.php5"}},
		"contains":                   {`{"contains":"b"}`, []string{"b", "abc"}, []string{"", "aBc"}},
		"contains, any case":         {`{"contains":"B","ignoreCase":true}`, []string{"b", "aBc"}, []string{"", "ac"}},
		"regex, whole":               {`{"safeRegex":{"regex":"a|b+"}}`, []string{"a", "bb"}, []string{"", "ab", "xa", "ax", "B"}},
		"regex, case goes by itself": {`{"safeRegex":{"regex":"a"},"ignoreCase":true}`, []string{"a"}, []string{"A"}},
		"regex, flags":               {`{"safeRegex":{"regex":"(?i)a.b"}}`, []string{"a.b", "AxB"}, []string{"a\nb"}},
		"regex, dot takes newlines":  {`{"safeRegex":{"regex":"(?s).*"}}`, []string{"", "a\nb", "\xff"}, nil},
		"regex, byte by byte":        {`{"safeRegex":{"regex":".\u00e9?"}}`, []string{"\xe9\xc3", "a\xc3", "a\u00e9"}, []string{"\xe9", "a\xa9", "a\xe9", "\u00e9\u00e9"}},
		"regex, lines":               {`{"safeRegex":{"regex":"^a$"}}`, []string{"a"}, []string{"a\n", "b\na"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &matcherv3.StringMatcher{}
			if err := protojson.Unmarshal([]byte(c.matcher), m); err != nil {
				t.Fatal(err)
			}
			matches, err := matchers.String(m)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range c.yes {
				if !matches(v) {
					t.Errorf("%q does not match", v)
				}
			}
			for _, v := range c.other {
				if matches(v) {
					t.Errorf("%q matches", v)
				}
			}
		})
	}
}

// TestWhatIsNotUnderstoodIsRefused holds that no matcher is taken for one that matches nothing.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for _, m := range []*matcherv3.StringMatcher{
		nil, {}, {MatchPattern: &matcherv3.StringMatcher_Custom{}},
		{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: "a("}}},
		{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: "a)|(b"}}},
	} {
		if _, err := matchers.String(m); err == nil {
			t.Errorf("%v is taken", m)
		}
	}
}
