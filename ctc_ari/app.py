"""Wiring: every part is made here, handed what it needs, started and stopped; nothing is decided."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from ctc_ari import logs
from ctc_ari.ari.gateway import Gateway
from ctc_ari.ari.recordings import AriRecordings
from ctc_ari.ari.web_phones import AsteriskWebPhones
from ctc_ari.calls.broadcast import Broadcast
from ctc_ari.calls.desk import Desk
from ctc_ari.calls.dialling import Dialling
from ctc_ari.calls.numbers import NumberPolicy, Spelling
from ctc_ari.calls.ports import Listener, Logged
from ctc_ari.config import Config
from ctc_ari.crm.choice import crm_of
from ctc_ari.errors import ConfigError, DatabaseUnreachable, SetupError
from ctc_ari.http import Runner, Services, application, encode_event, encode_notice
from ctc_ari.log.house import house_of
from ctc_ari.metrics import CallMetrics
from ctc_ari.outbox import Subscriptions
from ctc_ari.remote import Remote
from ctc_ari.retention import Retention
from ctc_ari.runtime.open_files import allow_many
from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.administration import PostgresAdministration
from ctc_ari.store.calls import PostgresCallStore
from ctc_ari.store.contacts import PostgresContacts
from ctc_ari.store.crm_answers import PostgresCrmAnswers
from ctc_ari.store.directory import PostgresDirectory
from ctc_ari.store.erasure import PostgresErasure
from ctc_ari.store.idempotency import PostgresIdempotencyKeys
from ctc_ari.store.log_keeper import LogKeeper
from ctc_ari.store.log_reading import PostgresCallLog
from ctc_ari.store.migrate import ensure_current
from ctc_ari.store.outbox import PostgresOutbox, enqueue
from ctc_ari.store.pool import Pool, open_pool
from ctc_ari.store.record_files import RecordFiles
from ctc_ari.store.retention import PostgresRetention
from ctc_ari.store.spool import Spool
from ctc_ari.store.waiting import PostgresBacklog
from ctc_ari.store.webhooks import PostgresWebhooks, ensure_crm
from ctc_ari.vitals import Vitals
from ctc_ari.webhooks.sender import WebhookSender
from ctc_ari.webhooks.worker import DeliveryWorker

__all__ = ["run", "service"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds a stop waits for what is not written yet.
FLUSH_SECONDS = 3.0
DATABASE_RETRY_SECONDS = 1.0
#: Seconds for one request to the CRM; a click waits no longer than 0.3 of them.
CRM_SECONDS = 5.0


def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigError, SetupError."""
    logs.configure()
    allow_many()
    uvloop.run(_until_told(config))


async def _until_told(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listening = asyncio.Event()
    waiting = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(_serve(config, listening, stop))
    await asyncio.wait((waiting, serving), return_when=asyncio.FIRST_COMPLETED)
    if not listening.is_set():
        #: Still waiting for a database, perhaps.
        serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(config: Config, listening: asyncio.Event, stop: asyncio.Event) -> None:
    async with service(config) as address:
        log.info("listening", address=address)
        listening.set()
        #: What was made at the start stays: looking through it again and again would only cost pauses.
        gc.collect()
        gc.freeze()
        await stop.wait()
    log.info("stopped; calls go on in Asterisk and are taken over at the next start")


@asynccontextmanager
async def service(
    config: Config, *, listeners: Sequence[Listener] = (), asterisk_folder: Path | None = None
) -> AsyncIterator[str]:
    """The whole service, for as long as the block runs; yields its address. Raises ConfigError, SetupError.

    `listeners` hear everything that happens to calls. `asterisk_folder` is where the private Asterisk's files are, if
    not below `database.data_dir`.
    """
    if not config.asterisk.nodes:
        raise ConfigError("asterisk.nodes: name the Asterisk to use, as config.yaml shows")
    async with contextlib.AsyncExitStack() as stack:
        url = config.database.url
        if url == "embedded":
            url = await stack.enter_async_context(embedded(Path(config.database.data_dir)))
        pool = await _wait_for_database(url)
        stack.push_async_callback(_close_pool, pool)
        directory = PostgresDirectory(pool, url, config.agents, time.time)
        await _patiently(directory.start)
        stack.push_async_callback(directory.stop)

        registry = CollectorRegistry()
        metrics = CallMetrics(registry)
        events = Broadcast(encode_event, on_cut_off=metrics.cut_off)
        metrics.watch_events(events)
        await stack.enter_async_context(_background(events.run(), "events"))
        administration = PostgresAdministration(pool, directory.reload, config.agents, time.time)
        remote = await stack.enter_async_context(Remote(public_only=not config.webhooks.allow_private))
        crms = await stack.enter_async_context(Remote(public_only=False, seconds=CRM_SECONDS))
        crm = crm_of(config, crms, directory, administration.remember_agent, encode_notice, PostgresCrmAnswers(pool))
        stack.callback(crm.close)
        await _patiently(partial(ensure_crm, pool, crm.told))
        outbox = PostgresOutbox(pool)
        subscriptions = Subscriptions({"webhook": encode_notice, "crm": crm.encode})
        #: Before anything is written that somebody wants to be told of.
        subscriptions.replace(await _patiently(outbox.enabled))
        data = Path(config.database.data_dir)
        spool = await asyncio.to_thread(Spool, data / "spool", f"calls-{config.asterisk.app}")
        stack.callback(spool.close)
        store = PostgresCallStore(pool, url, spool=spool, subscriptions=subscriptions)
        await stack.enter_async_context(_background(store.run(), "store"))
        stack.push_async_callback(store.flush, FLUSH_SECONDS)
        await store.recover()

        normalise, spelling = NumberPolicy(config.numbers).normalise, Spelling(config.numbers.default_region)
        desk: Desk
        gateway = Gateway(
            config.asterisk.nodes[0],
            config.asterisk,
            feed=lambda channel, heard: desk.hear(channel, heard),
            reconcile=lambda snapshot: desk.reconcile(snapshot),
            timed=lambda seconds, answered: metrics.asked(seconds, answered=answered),
        )
        desk = Desk(
            gateway,
            crm.keeping(store),
            asterisk=config.asterisk,
            dialling=Dialling(config.asterisk, config.inbound, normalise, spelling.spell, directory.find_agent),
            limits=config.limits,
            clock=time.time,
            listeners=(metrics.heard, events.heard, *listeners),
        )
        metrics.watch(desk, connected=lambda: gateway.connected, unsaved=lambda: store.unsaved)
        vitals = Vitals(registry, PostgresBacklog(pool), writable=lambda: store.writable, spooled=lambda: spool.size)
        await stack.enter_async_context(_background(vitals.run(), "vitals"))
        deliveries = DeliveryWorker(
            outbox,
            subscriptions,
            {"webhook": WebhookSender(remote), "crm": crm.sender(desk)},
            keep_seconds=config.webhooks.keep_days * 24 * 3600.0,
            told=metrics.delivery,
        )
        await _patiently(deliveries.refresh)
        await stack.enter_async_context(_background(deliveries.run(), "webhooks"))
        await _patiently(desk.load)
        stack.callback(desk.close)
        await stack.enter_async_context(_background(gateway.run(), "gateway"))

        files = RecordFiles(
            pool,
            Path(config.asterisk.log_folder or (asterisk_folder or data / "asterisk") / "log"),
            data / "spool" / f"records-{config.asterisk.app}.json",
            not_written=gateway.connect_records,
            #: Files of an Asterisk that is not ours are somebody else's to rotate.
            remove=config.asterisk.log_folder is None,
        )
        await stack.enter_async_context(_background(files.run(), "records"))
        keeper = LogKeeper(
            pool,
            lambda: house_of(directory.all_agents(), config.asterisk.trunk, spelling.spell),
            read_to=lambda: files.read_to,
            in_transaction=partial(enqueue, subscriptions),
            on_logged=partial(_logged, events, subscriptions),
        )
        await stack.enter_async_context(_background(keeper.run(), "log"))

        recordings = AriRecordings(config.asterisk.nodes)
        retention = Retention(PostgresRetention(pool), recordings, config.log, time.time)
        await stack.enter_async_context(_background(retention.run(), "retention"))

        async def check() -> Mapping[str, str | None]:
            asterisk, database = await asyncio.gather(gateway.probe(), store.probe())
            return {"asterisk": asterisk, "database": database}

        services = Services(
            desk=desk,
            directory=directory,
            people=crm,
            sessions=directory,
            keys=PostgresIdempotencyKeys(pool),
            recordings=gateway,
            web_phones=AsteriskWebPhones(config.asterisk.nodes[0], enabled=config.webrtc.enabled),
            events=events,
            contacts=PostgresContacts(pool),
            administration=administration,
            webhooks=PostgresWebhooks(pool, deliveries.refresh, allow_private=config.webhooks.allow_private),
            call_log=PostgresCallLog(pool, contacts_elsewhere=crm.has_contacts),
            erasures=PostgresErasure(pool, recordings, data / "spool", time.time),
            normalise=normalise,
            spelling=spelling,
            check=check,
            registry=registry,
            trusted_proxies=config.server.trusted_proxies,
            allowed_origins=config.server.allowed_origins,
            public_url=config.server.public_url,
            webrtc=config.webrtc,
        )
        yield await stack.enter_async_context(_listening(config, services))


async def _wait_for_database(url: str) -> Pool:
    """A database that is still starting is waited for; one that refuses us is not."""
    told = False
    while True:
        pool = None
        try:
            pool = await open_pool(url)
            await ensure_current(pool)
        except DatabaseUnreachable:
            if pool is not None:
                await _close_pool(pool)
            if not told:
                log.warning("waiting for the database; is it running, and is database.url right?")
                told = True
            await asyncio.sleep(DATABASE_RETRY_SECONDS)
        else:
            return pool


async def _patiently(step: Callable[[], Awaitable[T]]) -> T:
    """A part of the start; a database that goes away in the middle of it is waited for, too."""
    told = False
    while True:
        try:
            return await step()
        except DatabaseUnreachable:
            if not told:
                log.warning("waiting for the database, which went away during the start")
                told = True
            await asyncio.sleep(DATABASE_RETRY_SECONDS)


async def _close_pool(pool: Pool) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_SECONDS):
            await pool.close()
            return
    pool.terminate()


def _logged(events: Broadcast, subscriptions: Subscriptions, told: Logged) -> None:
    """A row of the log was committed, and what webhooks are told of it."""
    events.heard(told)
    subscriptions.enqueued()


@asynccontextmanager
async def _background(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_died)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _died(task: asyncio.Task[None]) -> None:
    """A part that ends by itself is a mistake of ours: better a clean restart than half a service."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a part of the service failed", part=task.get_name(), exc_info=error)
        signal.raise_signal(signal.SIGTERM)


@asynccontextmanager
async def _listening(config: Config, services: Services) -> AsyncIterator[str]:
    host, port = config.server.host, config.server.port
    runner = Runner(application(services))
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SetupError(f"port {port} on {host} is in use; choose another with server.port") from None
            raise SetupError(f"cannot listen on {host} port {port}: {error.strerror}") from None
        bound = runner.addresses[0]
        yield f"http://{host if host != '0.0.0.0' else '127.0.0.1'}:{bound[1]}"  # noqa: S104
    finally:
        await runner.cleanup()
