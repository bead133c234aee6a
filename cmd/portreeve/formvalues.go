package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portreeve/portreeve/translate/resource"
)

// oneOf is the form of a flag that takes one of a few words.
func oneOf(words ...string) form {
	return form{
		name: strings.Join(words, "|"),
		check: func(text string) error {
			if slices.Contains(words, text) {
				return nil
			}
			return fmt.Errorf("it is not one of %s%s", strings.Join(words, ", "), meant(text, words))
		},
		complete: cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp),
	}
}

// severalOf is the form of a flag that takes some of a few words, separated by commas. Name stands for it in --help.
func severalOf(name string, words ...string) form {
	f := oneOf(words...)
	return form{name: name, check: eachOf(f.check), complete: func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var out []cobra.Completion
		for _, w := range words {
			if !slices.Contains(strings.Split(before, ","), w) {
				out = append(out, before+w)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}}
}

// meant is what to add to a message about a word that was probably misspelt.
func meant(text string, words []string) string {
	if near := resource.DidYouMean(text, words); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// meantFlag is the same about a flag.
func meantFlag(c *cobra.Command, name string) string {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return meant("--"+name, names)
}

// given refuses the empty text: mostly a variable of a script that is not set.
func given(name string, complete cobra.CompletionFunc) form {
	return form{name, func(text string) error {
		if text == "" {
			return errors.New("it is empty; leave the flag out where none is meant")
		}
		return nil
	}, complete}
}

// The forms of paths.
func aFile() form      { return given("FILE", byEnding()) }
func aYAMLFile() form  { return given("FILE", byEnding(policyEndings()...)) }
func aPEMFile() form   { return given("FILE", byEnding("pem", "crt", "key", "cer")) }
func aDirectory() form { return given("DIR", directories) }

// policyEndings are those of the names of files that are read.
func policyEndings() []string { return []string{"yaml", "yml", "json"} }

// byEnding has a shell propose files whose names end so, or all where no ending is given.
func byEnding(endings ...string) cobra.CompletionFunc {
	if len(endings) == 0 {
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return cobra.FixedCompletions(endings, cobra.ShellCompDirectiveFilterFileExt)
}

func directories(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// named is the form of a name that Kubernetes would accept.
func named(what string, valid func(string) bool, accepted string) form {
	return form{what, func(text string) error {
		if !valid(text) {
			return fmt.Errorf("want %s", accepted)
		}
		return nil
	}, nil}
}

func aNamespace() form {
	return named("NAMESPACE", resource.IsNamespace, resource.NamespaceForm)
}

func aName() form { return named("NAME", resource.IsName, resource.NameForm) }

// number is the form of a whole number within bounds.
func number(least, most int64) form {
	return form{"N", func(text string) error {
		n, err := strconv.ParseInt(text, 0, 64)
		switch {
		case err == nil && n >= least && n <= most:
			return nil
		case most == math.MaxInt64:
			return fmt.Errorf("want a whole number, %d or more", least)
		default:
			return fmt.Errorf("want a whole number from %d to %d", least, most)
		}
	}, nil}
}

// maxPort is the highest port.
const maxPort = 65535

func aPort() form { return number(1, maxPort) }

func aPercentage() form {
	return form{"PERCENT", func(text string) error {
		if p, err := strconv.ParseFloat(text, 64); err != nil || !(p >= 0 && p <= 100) { // not a number is none either
			return errors.New("want a percentage, from 0 to 100")
		}
		return nil
	}, nil}
}

// duration is the form of a duration that is not shorter than another.
func duration(least time.Duration) form {
	return form{"DURATION", func(text string) error {
		switch d, err := time.ParseDuration(text); {
		case err != nil:
			return errors.New("it is no duration such as 90s, 10m or 12h")
		case d < least:
			return fmt.Errorf("want %s at least, such as 1h", least)
		default:
			return nil
		}
	}, nil}
}

// anyDuration is that of a duration that may lie in the past.
func anyDuration() form { return duration(math.MinInt64) }

// anAddress is the form of a host and a port at which somebody listens. Port is the least one: 0 where any will do.
func anAddress(port uint64) form {
	return form{"HOST:PORT", func(text string) error { return checkAddress(text, port) }, nil}
}

func checkAddress(text string, least uint64) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("want HOST:PORT, such as 127.0.0.1:18000 or [::1]:18000")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < least {
		return fmt.Errorf("%q is no port: want a number from %d to %d", port, least, maxPort)
	}
	return nil
}

// aPlaneAddress is where a control plane is reached by gateways.
func aPlaneAddress(port uint64) form {
	return form{"HOST:PORT|unix:///PATH", func(text string) error {
		switch _, _, err := net.SplitHostPort(text); {
		case strings.HasPrefix(text, "unix://"): // whoever uses the path says what is wrong with it
			return nil
		case err != nil || strings.HasPrefix(text, "unix:"):
			return errors.New("want HOST:PORT, or unix:///PATH of a Unix socket")
		default:
			return checkAddress(text, port)
		}
	}, nil}
}

// anAdminAddress is where the admin interface of a control plane is asked.
func anAdminAddress() form {
	return form{"HOST:PORT", func(text string) error {
		if _, rest, ok := strings.Cut(text, "://"); ok && strings.ContainsRune(rest, ':') || !ok {
			return checkAddress(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), 1)
		}
		return nil // a URL has the port of its scheme; what else is wrong with it says who asks there
	}, nil}
}

// anIPAddress is that of one address, and aBlock that of a block of them.
func anIPAddress() form {
	return form{"ADDRESS", func(text string) error {
		if _, err := netip.ParseAddr(text); err != nil {
			return errors.New("it is no IP address")
		}
		return nil
	}, nil}
}

func aBlock() form {
	return form{"CIDR", func(text string) error {
		if _, err := netip.ParsePrefix(text); err != nil {
			return errors.New("it is no block of addresses such as 10.0.0.0/8")
		}
		return nil
	}, nil}
}

// parsed is the form of what a function reads.
func parsed(name string, parse func(string) error) form { return form{name, parse, nil} }
