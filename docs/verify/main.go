// Verify checks that a log of orders was not changed, without trusting its operator.
//
// It needs the log's verifier key, which `orderlog log-key create` printed, and what the server answers. Signatures and
// Merkle trees are checked by golang.org/x/mod/sumdb, the code that checks Go's own checksum database.
//
//	verify -key KEY checkpoint FILE|URL           the checkpoint is signed by the log's key
//	verify -key KEY order ORDER-ID FILE|URL       an order's events are in the log: GET /v1/orders/{id}/proof; all of them
//	                                              if it is a URL
//	verify -key KEY consistency OLD NEW PROOF     the log of the checkpoint NEW continues that of OLD
//	verify -key KEY consistency OLD SERVER        the same, with the server's newest checkpoint and its proof
//
// Exit code 0: it is proved. 1: it is not; the text says why.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Nobody has signed the log yet.
var errNoCheckpoint = errors.New("the log has no signed checkpoint; is the server started with --log-key-file?")

// The largest file or answer that is read.
const maxBytes = 64 << 20

func main() {
	key := flag.String("key", "", "the log's verifier key: name+hash+base64")
	tokenFile := flag.String("token-file", "", "a file with the token or API key for the server")
	flag.Parse()
	if err := run(*key, *tokenFile, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
}

func run(key, tokenFile string, args []string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("the key (-key) cannot be used: %w", err)
	}
	check := &checker{verifier: verifier}
	if tokenFile != "" {
		token, err := os.ReadFile(tokenFile)
		if err != nil {
			return err
		}
		check.token = strings.TrimSpace(string(token))
	}
	switch {
	case len(args) == 2 && args[0] == "checkpoint":
		return check.checkpoint(args[1])
	case len(args) == 3 && args[0] == "order":
		return check.order(args[1], args[2])
	case len(args) == 3 && args[0] == "consistency":
		server := strings.TrimRight(args[2], "/")
		return check.consistency(args[1], server+"/v1/log/checkpoint", func(from, to int64) string {
			return fmt.Sprintf("%s/v1/log/consistency?from=%d&to=%d", server, from, to)
		})
	case len(args) == 4 && args[0] == "consistency":
		return check.consistency(args[1], args[2], func(int64, int64) string { return args[3] })
	}
	return errors.New("say what to check: checkpoint FILE|URL, order ORDER-ID FILE|URL, consistency OLD NEW PROOF, or consistency OLD SERVER")
}

type checker struct {
	verifier note.Verifier
	token    string
}

// read returns a file, or what a server answers.
func (c *checker) read(place string) ([]byte, error) {
	if !isURL(place) {
		return os.ReadFile(place)
	}
	request, err := http.NewRequest(http.MethodGet, place, nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBytes))
	if err == nil && answer.StatusCode == http.StatusNotFound && bytes.Contains(body, []byte(`"no-checkpoint"`)) {
		return nil, errNoCheckpoint
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", place, answer.Status, body)
	}
	return body, err
}

func isURL(place string) bool {
	return strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
}

// open checks the signature of a checkpoint and returns the tree.
func (c *checker) open(signed []byte) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(c.verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is not signed by this key: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != c.verifier.Name() {
		return tlog.Tree{}, errors.New("the checkpoint is not of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("the checkpoint has no size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the checkpoint has no root: %w", err)
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

func (c *checker) tree(place string) (tlog.Tree, error) {
	signed, err := c.read(place)
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, err := c.open(signed)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%s: %w", place, err)
	}
	return tree, nil
}

func (c *checker) checkpoint(place string) error {
	tree, err := c.tree(place)
	if err != nil {
		return err
	}
	fmt.Printf("signed: %d events, root %v\n", tree.N, tree.Hash)
	return nil
}

func (c *checker) consistency(old, new string, proof func(from, to int64) string) error {
	before, err := c.tree(old)
	if err != nil {
		return err
	}
	after, err := c.tree(new)
	if err != nil {
		return err
	}
	switch {
	case after.N < before.N:
		return fmt.Errorf("the log was cut: it had %d events and has %d", before.N, after.N)
	case after.N == before.N && after.Hash != before.Hash:
		return fmt.Errorf("the log is forked: two different logs of %d events are signed", after.N)
	case after.N == before.N:
		fmt.Printf("the same log of %d events\n", after.N)
		return nil
	case before.N == 0:
		fmt.Printf("continued: 0 to %d events\n", after.N)
		return nil
	}
	body, err := c.read(proof(before.N, after.N))
	if err != nil {
		return err
	}
	var answer struct {
		From, To int64
		Hashes   []tlog.Hash
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the proof cannot be read: %w", err)
	}
	if answer.From != before.N || answer.To != after.N {
		return fmt.Errorf("the proof is for other checkpoints: from %d to %d", answer.From, answer.To)
	}
	if err := tlog.CheckTree(answer.Hashes, after.N, after.Hash, before.N, before.Hash); err != nil {
		return fmt.Errorf("the log of %d events does not continue that of %d: an event was changed, removed, inserted or moved: %w", after.N, before.N, err)
	}
	fmt.Printf("continued: %d to %d events\n", before.N, after.N)
	return nil
}

// provenEvent is an event of an order's proof.
type provenEvent struct {
	Position int64
	Version  int64
	Type     string
	Stored   []byte
	Proof    struct {
		Size   int64
		Hashes []tlog.Hash
	}
}

// orderPage is a page of an order's proof.
type orderPage struct {
	OrderID       string `json:"order_id"`
	Checkpoint    string
	Events        []provenEvent
	NotYetCovered int64  `json:"not_yet_covered"`
	NextCursor    string `json:"next_cursor"`
}

func (c *checker) page(id, place string) (orderPage, error) {
	var page orderPage
	body, err := c.read(place)
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return page, fmt.Errorf("the proof cannot be read: %w", err)
	}
	if !strings.EqualFold(page.OrderID, id) {
		return page, errors.New("the proof is for another order")
	}
	return page, nil
}

// order checks a page that was kept, or all pages of a server. A server has a few seconds to sign what is new.
func (c *checker) order(id, place string) error {
	served := isURL(place)
	page, err := c.page(id, place)
	unsigned := func() bool { return errors.Is(err, errNoCheckpoint) || err == nil && page.NotYetCovered > 0 }
	for tries := 0; served && unsigned() && tries < 10; tries++ {
		time.Sleep(time.Second)
		page, err = c.page(id, place)
	}
	if err != nil {
		return err
	}
	if len(page.Events) == 0 {
		return errors.New("no event of the order is covered by the checkpoint")
	}
	first := page.Events[0].Version
	if served && first != 1 {
		return errors.New("an event of the order is left out before version " + strconv.FormatInt(first, 10))
	}
	next := first
	for {
		size, err := c.events(id, page, next)
		if err != nil {
			return err
		}
		next += int64(len(page.Events))
		if !served || page.NextCursor == "" || len(page.Events) == 0 {
			fmt.Printf("versions %d to %d of order %s are in the log of %d events\n", first, next-1, id, size)
			return nil
		}
		if page, err = c.page(id, withCursor(place, page.NextCursor)); err != nil {
			return err
		}
	}
}

func withCursor(place, cursor string) string {
	separator := "?"
	if strings.Contains(place, "?") {
		separator = "&"
	}
	return place + separator + "cursor=" + url.QueryEscape(cursor)
}

// events checks the events of a page, which begin at this version, and returns the size of the tree.
func (c *checker) events(id string, page orderPage, version int64) (int64, error) {
	tree, err := c.open([]byte(page.Checkpoint))
	if err != nil {
		return 0, err
	}
	for _, event := range page.Events {
		stored, err := parse(event.Stored)
		if err != nil {
			return 0, fmt.Errorf("the stored bytes at position %d: %w", event.Position, err)
		}
		if stored.position != event.Position || stored.stream != "order "+strings.ToLower(id) {
			return 0, fmt.Errorf("the event at position %d is another one: position %d of %s", event.Position, stored.position, stored.stream)
		}
		if stored.version != event.Version || stored.version != version {
			return 0, fmt.Errorf("an event of the order is left out before version %d", stored.version)
		}
		version++
		if event.Proof.Size != tree.N {
			return 0, fmt.Errorf("the proof of position %d is for another checkpoint", event.Position)
		}
		leaf := tlog.RecordHash(event.Stored)
		if err := tlog.CheckRecord(event.Proof.Hashes, tree.N, tree.Hash, event.Position-1, leaf); err != nil {
			return 0, fmt.Errorf("the event at position %d is not in the log: %w", event.Position, err)
		}
		fmt.Printf("in the log: position %d, version %d, %s\n", stored.position, stored.version, stored.eventType)
	}
	return tree.N, nil
}

// fields are the beginning of an event's stored bytes.
type fields struct {
	position  int64
	stream    string
	version   int64
	eventType string
}

// parse reads the beginning of stored bytes: tag, position, stream type, stream id, (partition key,) version, event id,
// event type. Numbers are 8 bytes, big-endian; ids 16 bytes; texts their length and their bytes.
func parse(stored []byte) (fields, error) {
	in := &reader{rest: stored}
	tag := string(in.take(17))
	position := in.number()
	streamType := in.text()
	id := in.take(16)
	if tag == "orderlog event 2\n" {
		in.take(16)
	} else if tag != "orderlog event 1\n" {
		return fields{}, errors.New("this is no event of orderlog")
	}
	version := in.number()
	in.take(16)
	eventType := in.text()
	if in.failed {
		return fields{}, errors.New("they end too soon")
	}
	uuid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	return fields{position, streamType + " " + uuid, version, eventType}, nil
}

type reader struct {
	rest   []byte
	failed bool
}

func (in *reader) take(n int64) []byte {
	if n < 0 || n > int64(len(in.rest)) {
		in.failed = true
		return bytes.Repeat([]byte{0}, 17)
	}
	taken := in.rest[:n]
	in.rest = in.rest[n:]
	return taken
}

func (in *reader) number() int64 { return int64(binary.BigEndian.Uint64(in.take(8)[:8])) }

func (in *reader) text() string { return string(in.take(in.number())) }
