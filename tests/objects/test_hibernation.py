"""WebSocketServer asleep and awake: what a client notices, which is nothing but the time.

The objects' own tests, as a user writes them: nothing but the `durable` fixture.
"""

from __future__ import annotations

import asyncio
import json

import pytest

ROOM = "/ws?id=room"
# A test of when the room sleeps is not run with evictions at other times. All others are.
on_schedule = pytest.mark.durable(undisturbed=True)


@pytest.fixture
def room(durable):
    return durable.env.WEBSOCKET_SERVER.getByName("room")


async def join(durable):
    """A client, and its id; its welcome has been received."""
    client = await durable.connect(ROOM)
    welcome = await client.receive_json()
    assert welcome["type"] == "connected"
    return client, welcome["id"]


async def stats_of(client):
    client.send_json({"type": "get_stats"})
    return (await client.receive_json())["data"]


async def statistics(durable):
    response = await durable.fetch("/websocket/stats?id=room")
    return json.loads(await response.text())


@on_schedule
async def test_after_ten_idle_seconds_the_instance_is_gone_and_its_sockets_are_not(durable, room):
    client, _ = await join(durable)
    await durable.clock.advance(9.9)
    assert durable.is_resident(room)
    await durable.clock.advance(0.2)
    assert not durable.is_resident(room)
    assert client.ended is None
    client.send_json({"type": "ping"})
    assert (await client.receive_json())["type"] == "pong"
    assert durable.generation(room) == 2


async def test_a_message_wakes_an_instance_that_knows_every_connection(durable, room):
    joined_ms = durable.clock.now_ms
    first, first_id = await join(durable)
    await durable.clock.advance(3)
    second, second_id = await join(durable)
    assert (await first.receive_json())["type"] == "user_connected"
    await durable.clock.advance(30)
    assert not durable.is_resident(room)
    assert await stats_of(first) == {
        "totalConnections": 2,
        "yourId": first_id,
        "connectedAt": joined_ms,
    }
    assert await stats_of(second) == {
        "totalConnections": 2,
        "yourId": second_id,
        "connectedAt": joined_ms + 3000,
    }
    assert durable.generation(room) >= 2


async def test_http_statistics_wake_it_and_list_the_connections_oldest_first(durable, room):
    ids = [(await join(durable))[1] for _ in range(3)]
    await durable.clock.advance(20)
    found = await statistics(durable)
    assert found["totalConnections"] == 3
    assert [connection["id"] for connection in found["connections"]] == ids
    assert durable.generation(room) >= 2


async def test_a_broadcast_wakes_it_and_reaches_everybody_else(durable, room):
    clients = [(await join(durable))[0] for _ in range(3)]
    await durable.clock.advance(20)
    received = [client.pending for client in clients]
    clients[1].send_json({"type": "broadcast", "data": "good morning"})
    await durable.settle()
    assert [c.pending - n for c, n in zip(clients, received, strict=True)] == [1, 0, 1]


async def test_a_close_while_it_sleeps_wakes_it_and_the_others_are_told(durable, room):
    staying, _ = await join(durable)
    leaving, leaving_id = await join(durable)
    assert (await staying.receive_json())["type"] == "user_connected"
    await durable.clock.advance(20)
    ended = await leaving.close(4001, "good night")
    assert (ended.code, ended.reason, ended.was_clean) == (4001, "good night", True)
    assert await staying.receive_json() == {
        "type": "user_disconnected",
        "data": {"id": leaving_id, "totalConnections": 1},
    }
    assert (await statistics(durable))["totalConnections"] == 1


async def test_a_connection_that_is_lost_while_it_sleeps_is_counted_out(durable, room):
    staying, staying_id = await join(durable)
    lost, lost_id = await join(durable)
    assert (await staying.receive_json())["type"] == "user_connected"
    await durable.clock.advance(20)
    lost.disconnect()
    told = await staying.receive_json()
    assert told["data"] == {"id": lost_id, "totalConnections": 1}
    assert [c["id"] for c in (await statistics(durable))["connections"]] == [staying_id]


async def test_the_last_one_to_leave_a_sleeping_room_leaves_it_empty(durable, room):
    client, _ = await join(durable)
    await durable.clock.advance(20)
    assert (await client.close()).code == 1000
    assert await statistics(durable) == {"totalConnections": 0, "connections": []}


async def test_somebody_who_joins_a_sleeping_room_is_counted_with_the_others(durable, room):
    first, _ = await join(durable)
    await durable.clock.advance(20)
    second = await durable.connect(ROOM)
    assert (await second.receive_json())["totalConnections"] == 2
    told = await first.receive_json()
    assert (told["type"], told["data"]["totalConnections"]) == ("user_connected", 2)


@on_schedule
async def test_messages_in_time_keep_it_awake(durable, room):
    client, _ = await join(durable)
    for _ in range(10):
        await durable.clock.advance(9)
        client.send_json({"type": "ping"})
        await client.receive()
    assert durable.generation(room) == 1


@on_schedule
async def test_it_sleeps_and_wakes_any_number_of_times(durable, room):
    client, own_id = await join(durable)
    connected_at = (await stats_of(client))["connectedAt"]
    for generation in range(2, 12):
        await durable.clock.advance(15)
        assert not durable.is_resident(room)
        stats = await stats_of(client)
        assert (stats["yourId"], stats["connectedAt"]) == (own_id, connected_at)
        assert durable.generation(room) == generation


async def test_a_client_may_stay_for_hours(durable, room):
    client, own_id = await join(durable)
    await durable.clock.advance(6 * 3600)
    assert (await stats_of(client))["yourId"] == own_id


@on_schedule
async def test_rooms_sleep_independently(durable):
    busy = await durable.connect("/ws?id=busy")
    idle = await durable.connect("/ws?id=idle")
    for _ in range(3):
        await durable.clock.advance(5)
        busy.send_json({"type": "ping"})
    await durable.settle()
    namespace = durable.env.WEBSOCKET_SERVER
    assert durable.is_resident(namespace.getByName("busy"))
    assert not durable.is_resident(namespace.getByName("idle"))
    assert idle.ended is None


# --- eviction ------------------------------------------------------------------------------


async def test_eviction_between_two_messages_goes_unnoticed(durable, room):
    client, own_id = await join(durable)
    for _ in range(3):
        client.send_json({"type": "ping"})
        await client.receive()
        await durable.evict(room)
        assert not durable.is_resident(room)
    assert (await stats_of(client))["yourId"] == own_id
    assert durable.generation(room) >= 4


async def test_nothing_keeps_an_idle_room_awake(durable, room):
    await join(durable)
    assert durable.why_awake(room) == []


async def test_a_burst_right_after_the_eviction_is_answered_in_order(durable, room):
    client, _ = await join(durable)
    await durable.evict(room)
    for number in range(20):
        client.send_json({"number": number})
    found = [(await client.receive_json())["data"]["number"] for _ in range(20)]
    assert found == list(range(20))
    assert durable.generation(room) >= 2


@on_schedule
async def test_messages_of_many_clients_wake_one_instance_once(durable, room):
    clients = [(await join(durable))[0] for _ in range(20)]
    await durable.evict(room)
    for client in clients:
        client.send_json({"type": "ping"})
    await durable.settle()
    assert durable.generation(room) == 2
    last = [(await drain(client))[-1] for client in clients]
    assert {json.loads(message)["type"] for message in last} == {"pong"}


async def drain(client):
    return [await client.receive() for _ in range(client.pending)]


async def test_simultaneous_closes_while_it_sleeps_count_down(durable, room):
    staying, _ = await join(durable)
    leaving = [(await join(durable))[0] for _ in range(3)]
    await durable.settle()
    await drain(staying)
    await durable.evict(room)
    await asyncio.gather(*(client.close() for client in leaving))
    await durable.settle()
    told = [json.loads(message) for message in await drain(staying)]
    assert [message["data"]["totalConnections"] for message in told] == [3, 2, 1]


@on_schedule
async def test_after_the_emulator_forgot_an_empty_room_it_is_as_new(durable, room):
    client, _ = await join(durable)
    await client.close()
    await durable.clock.advance(300)
    assert await statistics(durable) == {"totalConnections": 0, "connections": []}
    assert durable.generation(room) == 2
