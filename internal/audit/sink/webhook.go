package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

const (
	// requestWithin is how long a receiver may take for one request.
	requestWithin = 10 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used again. What it says is shown nowhere.
	maxAnswer = 4 << 10
)

// webhook delivers CloudEvents over HTTP, in structured mode.
type webhook struct {
	to      string
	mode    string
	keys    [][]byte
	headers map[string]string
	agent   string
	client  *http.Client
	now     func() time.Time
}

// patterns returns which events of the record a webhook is told: nil is all.
func (w Webhook) patterns() []string {
	if w.Events == EventsAlerts {
		return []string{}
	}
	return w.Types
}

// most returns how many events stand in a request.
func (w Webhook) most() int {
	if w.Mode == ModeBatch {
		return maxBatch
	}
	return 1
}

func newWebhook(w Webhook, o Options) (Deliverer, error) {
	to, err := w.address()
	if err != nil {
		return nil, err
	}
	keys, err := signingKeys(w.HMACKeyFile)
	if err != nil {
		return nil, err
	}
	extra, err := headers(w.HeadersFile)
	if err != nil {
		return nil, err
	}
	config, err := w.TLS.config()
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		MaxConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
	}
	return &webhook{
		to: to, mode: w.Mode, keys: keys, headers: extra, agent: "portreeve/" + o.Version, now: o.Now,
		client: &http.Client{Transport: t, Timeout: requestWithin, CheckRedirect: stay},
	}, nil
}

// stay follows no redirect: events would go to whom nobody named.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// address returns where to. No error shows it.
func (w Webhook) address() (string, error) {
	if w.URLFile == "" {
		return w.URL, nil
	}
	all, err := lines(w.URLFile)
	if err != nil {
		return "", err
	}
	if len(all) != 1 {
		return "", fmt.Errorf("%s: want one address in one line", w.URLFile)
	}
	if err := checkURL(all[0]); err != nil {
		return "", fmt.Errorf("%s: %w", w.URLFile, err)
	}
	if plain(all[0]) && !w.Insecure {
		return "", fmt.Errorf("%s: %w", w.URLFile, errPlain)
	}
	return all[0], nil
}

// Deliver implements Deliverer: any answer of 2xx takes all lines.
func (w *webhook) Deliver(ctx context.Context, lines []audit.Line) error {
	body, kind := w.body(lines)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.to, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address cannot be used") // the error has it
	}
	for name, value := range w.headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("User-Agent", w.agent)
	if len(w.keys) > 0 {
		r.Header.Set(SignatureHeader, sign(w.keys, w.now(), body))
	}
	response, err := w.client.Do(r)
	if err != nil {
		return bare(err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		return errors.New("the answer breaks off")
	}
	return judge(response, w.now())
}

// body returns what is sent, and its type.
func (w *webhook) body(lines []audit.Line) ([]byte, string) {
	if w.mode != ModeBatch {
		return lines[0].Bytes, "application/cloudevents+json; charset=utf-8"
	}
	var all [][]byte
	for _, line := range lines {
		all = append(all, line.Bytes)
	}
	body := append([]byte("["), bytes.Join(all, []byte(","))...)
	return append(body, ']'), "application/cloudevents-batch+json; charset=utf-8"
}

// Close implements Deliverer.
func (w *webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

// judge returns what an answer means: nil where all was taken.
func judge(response *http.Response, now time.Time) error {
	code := response.StatusCode
	r := &refusal{text: strings.TrimSpace(fmt.Sprintf("the answer is %d %s", code, http.StatusText(code))), after: retryAfterOf(response.Header, now)}
	switch {
	case code >= 200 && code <= 299:
		return nil
	case code >= 300 && code <= 399:
		r.text += ": redirects are not followed"
		r.blame = ours
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnsupportedMediaType, code == http.StatusUnprocessableEntity:
		r.text += ": the receiver refuses this event"
		r.blame = theEvents
	default:
		r.text += ": the receiver refuses us"
		r.blame = ours
	}
	return r
}

// retryAfterOf returns how long an answer asks for, in either form of the header.
func retryAfterOf(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// bare takes the address, which can hold a secret, out of an error of the HTTP client, and what it quotes of an answer that it
// cannot read.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		if wrapped.Timeout() {
			return errors.New("no whole answer in time")
		}
		err = wrapped.Err
	}
	if text := err.Error(); strings.Contains(text, "malformed") {
		return errors.New("the answer is not HTTP")
	}
	return err
}
