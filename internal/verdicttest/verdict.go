package verdicttest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// denied is the body with which Envoy's authorization denies.
const denied = "RBAC: access denied"

// Expected returns the verdict on a request of the family.
func (p *Policy) Expected(request string) Verdict { return p.expected[request] }

// expect works out the verdict on every request. There are no defaults: a request without a
// verdict is an error, and so is one with two.
func (p *Policy) expect(requests []Request, groups map[string][]string) error {
	var faults error
	p.expected = map[string]Verdict{}
	byName := map[string]Request{}
	for _, r := range requests {
		if _, twice := byName[r.Name]; twice {
			faults = multierror.Append(faults, fmt.Errorf("two requests are named %s", r.Name))
		}
		byName[r.Name] = r
	}
	for answer, listed := range p.Verdicts {
		names, err := expand(listed, groups)
		if err != nil {
			faults = multierror.Append(faults, fmt.Errorf("%s: %w", answer, err))
		}
		for _, name := range names {
			r, known := byName[name]
			_, twice := p.expected[name]
			v, err := verdict(answer, r)
			switch {
			case !known:
				faults = multierror.Append(faults, fmt.Errorf("%s: there is no request %s", answer, name))
			case twice:
				faults = multierror.Append(faults, fmt.Errorf("request %s has two verdicts", name))
			case err != nil:
				faults = multierror.Append(faults, err)
			}
			p.expected[name] = v
		}
	}
	for _, r := range requests {
		if _, ok := p.expected[r.Name]; !ok {
			faults = multierror.Append(faults, fmt.Errorf("request %s has no verdict", r.Name))
		}
	}
	return multierror.Append(faults, p.checkBackend()).ErrorOrNil()
}

// checkBackend finds expectations of what a backend sees of a request that does not reach it.
func (p *Policy) checkBackend() error {
	var faults error
	for header, values := range p.Backend {
		for request := range values {
			if p.expected[request].Status != 200 {
				faults = multierror.Append(faults, fmt.Errorf("header %s: request %s does not reach the backend", header, request))
			}
		}
	}
	return faults
}

// expand replaces the names of groups by their members, from left to right. A name with "-" before
// it takes members away, and must find all of them.
func expand(names []string, groups map[string][]string) ([]string, error) {
	var out []string
	for _, written := range names {
		name, without := strings.CutPrefix(written, "-")
		members := []string{name}
		if listed, ok := groups[name]; ok {
			expanded, err := expand(listed, groups)
			if err != nil {
				return nil, err
			}
			members = expanded
		}
		if !without {
			out = append(out, members...)
			continue
		}
		for _, member := range members {
			i := slices.Index(out, member)
			if i < 0 {
				return nil, fmt.Errorf("%s takes away %s, which is not there", written, member)
			}
			out = slices.Delete(out, i, i+1)
		}
	}
	return out, nil
}

// verdict reads what a table writes above the requests that are answered so.
func verdict(answer string, r Request) (Verdict, error) {
	code, body, explicit := strings.Cut(answer, " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return Verdict{}, fmt.Errorf("%s: want a status and a body: %w", answer, err)
	}
	switch {
	case explicit:
		return Verdict{Status: status, Body: body}, nil
	case status == 200:
		return Verdict{Status: status}, nil
	case status == 401 && r.Refusal != "":
		return Verdict{Status: status, Body: r.Refusal}, nil
	case status == 401:
		return Verdict{}, fmt.Errorf("request %s does not say with which body it is refused", r.Name)
	case status == 403:
		return Verdict{Status: status, Body: denied}, nil
	default:
		return Verdict{}, errors.New(answer + ": want 200, 401, 403 or a status and a body")
	}
}
