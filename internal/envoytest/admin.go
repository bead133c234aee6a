package envoytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// interval is the time between two questions of a wait.
const interval = 10 * time.Millisecond

// ErrNoStat is what Counter's error wraps when Envoy has no stat of that name.
var ErrNoStat = errors.New("no such stat")

// Get asks the admin interface, "/config_dump" for one, and returns the body of a 200 answer.
func (e *Envoy) Get(ctx context.Context, path string) ([]byte, error) {
	status, body, err := e.ask(ctx, path)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("ask Envoy for %s: %d %s", path, status, body)
	}
	return body, nil
}

func (e *Envoy) ask(ctx context.Context, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.admin+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("ask Envoy for %s: %w", path, err)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ask Envoy for %s: %w", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read Envoy's answer to %s: %w", path, err)
	}
	return resp.StatusCode, body, nil
}

// WaitReady waits until Envoy is live: initial configuration complete, workers started.
func (e *Envoy) WaitReady(ctx context.Context) error {
	return e.poll(ctx, "readiness", func(ctx context.Context) (bool, error) {
		status, _, err := e.ask(ctx, "/ready")
		return status == http.StatusOK, err
	})
}

// Stats returns the counters and gauges whose names match a regular expression (RE2, not
// anchored), by name. A counter that was never touched is there with 0.
func (e *Envoy) Stats(ctx context.Context, filter string) (map[string]uint64, error) {
	body, err := e.Get(ctx, "/stats?format=json&type=All&filter="+url.QueryEscape(filter))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string
			Value json.Number
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read Envoy's stats: %w", err)
	}
	values := map[string]uint64{}
	for _, s := range answer.Stats {
		if v, err := strconv.ParseUint(s.Value.String(), 10, 64); err == nil && s.Name != "" {
			values[s.Name] = v // what is no number is a text or a histogram
		}
	}
	return values, nil
}

// Counter returns one counter or gauge by its whole name. A name that Envoy does not have is an
// error that wraps ErrNoStat, not 0: a misspelt name must not prove that nothing happened.
func (e *Envoy) Counter(ctx context.Context, name string) (uint64, error) {
	values, err := e.Stats(ctx, "^"+regexp.QuoteMeta(name)+"$")
	if err != nil {
		return 0, err
	}
	value, ok := values[name]
	if !ok {
		return 0, fmt.Errorf("read stat %s: %w", name, ErrNoStat)
	}
	return value, nil
}

// WaitStat waits until a counter or gauge satisfies a predicate and returns its value. A stat that
// does not exist yet is waited for. When the context ends, the error says what the value was last.
func (e *Envoy) WaitStat(ctx context.Context, name string, good func(uint64) bool) (uint64, error) {
	var value uint64
	err := e.poll(ctx, "stat "+name, func(ctx context.Context) (bool, error) {
		v, err := e.Counter(ctx, name)
		if errors.Is(err, ErrNoStat) {
			return false, nil
		}
		if err == nil {
			value = v
		}
		return err == nil && good(v), err
	})
	if err != nil {
		err = fmt.Errorf("%w (its last value was %d)", err, value)
	}
	return value, err
}

// ConfigDump returns everything that Envoy runs with, the endpoints too, as the JSON of its admin
// interface.
func (e *Envoy) ConfigDump(ctx context.Context) ([]byte, error) {
	return e.Get(ctx, "/config_dump?include_eds")
}

// ListenerAddress returns the address (host:port) that a listener is bound to, which tells the
// port of one that was configured with port 0. The error says which listeners there are.
func (e *Envoy) ListenerAddress(ctx context.Context, name string) (string, error) {
	addresses, err := e.Listeners(ctx)
	if err != nil {
		return "", err
	}
	address, ok := addresses[name]
	if !ok {
		return "", fmt.Errorf("find listener %s: Envoy has %v", name, addresses)
	}
	return address, nil
}

// Listeners returns the addresses of all active listeners by their names.
func (e *Envoy) Listeners(ctx context.Context) (map[string]string, error) {
	body, err := e.Get(ctx, "/listeners?format=json")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Statuses []struct {
			Name  string
			Local struct {
				Socket struct {
					Address string
					Port    int `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read Envoy's listeners: %w", err)
	}
	addresses := map[string]string{}
	for _, s := range answer.Statuses {
		addresses[s.Name] = net.JoinHostPort(s.Local.Socket.Address, strconv.Itoa(s.Local.Socket.Port))
	}
	return addresses, nil
}

// WaitListener waits until a listener is active and returns its address.
func (e *Envoy) WaitListener(ctx context.Context, name string) (string, error) {
	var address string
	err := e.poll(ctx, "listener "+name, func(ctx context.Context) (bool, error) {
		addresses, err := e.Listeners(ctx)
		address = addresses[name]
		return address != "", err
	})
	return address, err
}

// poll asks until the answer is yes, the context ends or Envoy does. An answer that fails is asked
// for again: the last failure is part of the error.
func (e *Envoy) poll(ctx context.Context, what string, ask func(context.Context) (bool, error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var last error
	for {
		yes, err := ask(ctx)
		if err == nil && yes {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			if last == nil {
				return fmt.Errorf("wait for %s: %w", what, ctx.Err())
			}
			return fmt.Errorf("wait for %s: %w; the last answer: %w", what, ctx.Err(), last)
		case <-e.done:
			return fmt.Errorf("wait for %s: Envoy has ended: %s", what, e.cmd.ProcessState)
		case <-ticker.C:
		}
	}
}
